"""Questions about mints, balances, the chain's own logs and the state of this adapter; answering changes nothing."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, ChainUnavailable, Header, Lane, MintedLog, MintView, Network
from cashback.chain.rules import following as rules
from cashback.chain.store import lanes, mints, network
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid, Unavailable

NUMBERS_MAX: Final = 1_000
ADDRESSES_MAX: Final = 500
LOG_BLOCKS_MAX: Final = 256
LOGS_MAX: Final = 20_000
WAITING_COUNTED_MAX: Final = 100_000
_ADDRESS_BYTES: Final = 20


class QuestionTooLarge(Invalid):
    """More is asked for than one answer holds."""

    code = "question_too_large"


class AddressInvalid(Invalid):
    """An address is not 20 bytes."""

    code = "address_invalid"


class MintLogs(msgspec.Struct, frozen=True, kw_only=True):
    """The chain's own mints in some of its final blocks; `end` is the last block of the whole question."""

    logs: list[MintedLog]
    burned: int
    covered_to_block: int
    end: Header
    supply_at_end: int | None


class LaneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One lane in our records and on the chain."""

    lane: Lane
    mined_nonce: int
    final_nonce: int
    gas_money_wei: int


class EndpointStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint as it last showed itself."""

    name: str
    is_healthy: bool
    head: int
    problem: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """This adapter at one moment."""

    network: Network
    head: int
    total_supply: int | None
    lanes: list[LaneStatus]
    endpoints: list[EndpointStatus]
    accepted_waiting: int


class Reading:
    """Answers questions from the database and from the chain."""

    def __init__(self, database: Database, *, node: Node, source: Blocks, contracts: Contracts, finality: str) -> None:
        """Read through these."""
        self._database = database
        self._node = node
        self._source = source
        self._contracts = contracts
        self._finality = finality

    async def mints(self, numbers: Sequence[int]) -> list[MintView]:
        """Return how far each mint has come, in the order asked; numbers never seen are `unknown`.

        Raises:
            QuestionTooLarge: more than `NUMBERS_MAX`.
        """
        _bound(numbers, NUMBERS_MAX, "numbers")
        async with self._database.transaction() as tx:
            known = await mints.views(tx, [number for number in numbers if number >> 63 == 0])
        return [known.get(number) or MintView(number=number, state="unknown") for number in numbers]

    async def balances(self, addresses: Sequence[Address]) -> tuple[list[int], Header]:
        """Return the balances in base units in the order asked, and the block in which all of them stand.

        Raises:
            QuestionTooLarge: more than `ADDRESSES_MAX`.
            AddressInvalid: one of them is not 20 bytes.
            ChainUnavailable: no endpoint answered.
        """
        _bound(addresses, ADDRESSES_MAX, "addresses")
        if any(len(address) != _ADDRESS_BYTES for address in addresses):
            raise AddressInvalid("an address is 20 bytes")
        return await self._contracts.balances(addresses)

    async def mint_logs(self, *, from_block: int, to_block: int) -> MintLogs:
        """Return the mint logs and burns from `from_block` on: at most `LOG_BLOCKS_MAX` blocks, about `LOGS_MAX` logs.

        `to_block` 0 means the last final block; a later block than that is never read.

        Raises:
            ChainUnavailable: no endpoint answered, or no block is final yet.
        """
        heads = await self._source.heads(await self._source.latest())
        final = rules.final_number(heads, self._finality)
        if final < 0:
            raise ChainUnavailable("no block is final yet")
        [end] = await self._source.headers(min(to_block or final, final), min(to_block or final, final))
        covered, burned = end.number, 0
        logs: list[MintedLog] = []
        if from_block <= end.number:
            covered, found = await self._source.logs_from(from_block, min(from_block + LOG_BLOCKS_MAX - 1, end.number))
            covered, logs = _whole_blocks([log for log in found if isinstance(log, MintedLog)], covered)
            burned = await self._source.burned_between(from_block, covered)
        return MintLogs(
            logs=logs,
            burned=burned,
            covered_to_block=covered,
            end=end,
            supply_at_end=await self._contracts.supply(end.number),
        )

    async def status(self) -> Status:
        """Return the state of this adapter; what the chain does not tell just now is 0 or None."""
        async with self._database.transaction() as tx:
            stored = await network.network(tx)
            own_lanes = await lanes.lanes(tx)
            waiting = await mints.waiting_count(tx, WAITING_COUNTED_MAX)
        endpoints = [await self._endpoint(place) for place in range(len(self._node.endpoints))]
        head = max((one.head for one in endpoints), default=0)
        return Status(
            network=stored,
            head=head,
            total_supply=await self._supply(head),
            lanes=[await self._lane(lane, stored.final_block) for lane in own_lanes],
            endpoints=endpoints,
            accepted_waiting=waiting,
        )

    async def _endpoint(self, place: int) -> EndpointStatus:
        """Ask one endpoint for its head, and tell how it is."""
        endpoint = self._node.endpoints[place]
        head = 0
        try:
            [number] = await endpoint.ask([("eth_blockNumber", [])])
            head = int(number, 16)
        except Unavailable:
            pass
        return EndpointStatus(
            name=endpoint.name, is_healthy=endpoint.is_healthy and head > 0, head=head, problem=endpoint.problem
        )

    async def _supply(self, head: int) -> int | None:
        """Return the supply at the head, None when nobody tells."""
        try:
            return await self._contracts.supply(head)
        except Unavailable:
            return None

    async def _lane(self, lane: Lane, final_block: int) -> LaneStatus:
        """Return one lane beside what the chain says of its signer up to `final_block`.

        Where it says nothing just now: zeros, and our own record of what is final.
        """
        try:
            [mined] = await self._source.nonces(lane.address, ("latest",))
            gas_money_wei = await self._source.gas_money_wei(lane.address)
        except Unavailable:
            mined, gas_money_wei = 0, 0
        try:
            [final] = await self._source.nonces(lane.address, (hex(max(final_block, 0)),))
        except Unavailable:
            final = lane.final_nonce
        return LaneStatus(lane=lane, mined_nonce=mined, final_nonce=final, gas_money_wei=gas_money_wei)


def _whole_blocks(logs: list[MintedLog], covered: int) -> tuple[int, list[MintedLog]]:
    """Return the logs of as many whole blocks as fit into `LOGS_MAX`, at least one, and the block they reach to."""
    if len(logs) <= LOGS_MAX:
        return covered, logs
    last = max(logs[LOGS_MAX].place.block_number - 1, logs[0].place.block_number)
    return last, [log for log in logs if log.place.block_number <= last]


def _bound(items: Sequence[object], limit: int, what: str) -> None:
    """Raise `QuestionTooLarge` when there are more than `limit`."""
    if len(items) > limit:
        raise QuestionTooLarge(f"at most {limit} {what} are answered at once, not {len(items)}")
