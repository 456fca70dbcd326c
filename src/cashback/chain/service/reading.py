"""Questions about mints, balances, the chain's own logs and the state of this adapter; answering changes nothing."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from cashback.chain.gateway.blocks import LOG_BLOCKS_MAX, Blocks
from cashback.chain.gateway.contracts import Contracts
from cashback.chain.gateway.node import Node
from cashback.chain.model import Address, Allowance, ChainUnavailable, Header, Lane, MintedLog, MintView, RaceLost
from cashback.chain.rules import following as rules
from cashback.chain.rules.gas_money import GasLimits
from cashback.chain.service.status import LaneStatus, Status, endpoint_status, told
from cashback.chain.store import anchors, halts, holds, lanes, mints, network, numbers
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid

NUMBERS_MAX: Final = 1_000
ADDRESSES_MAX: Final = 500
LOGS_MAX: Final = 20_000
WAITING_COUNTED_MAX: Final = 100_000
HELD_NAMED_MAX: Final = 20
ALLOWANCE_TRIES_MAX: Final = 5
_ADDRESS_BYTES: Final = 20


class QuestionTooLarge(Invalid):
    """More is asked for than one answer holds."""

    code = "question_too_large"


class AddressInvalid(Invalid):
    """An address is not 20 bytes."""

    code = "address_invalid"


class MintLogs(msgspec.Struct, frozen=True, kw_only=True):
    """The chain's own mints in its final blocks from `from_block` to `covered_to_block`, and what was burned in them.

    `end` is the last block of the whole question; the supply there is told with the answer that begins it.
    """

    logs: list[MintedLog]
    burned: int
    from_block: int
    covered_to_block: int
    end: Header
    supply_at_end: int | None


class Reading:
    """Answers questions from the database and from the chain."""

    def __init__(
        self,
        database: Database,
        *,
        node: Node,
        source: Blocks,
        contracts: Contracts,
        gas: GasLimits,
        finality: str,
        start_block: int,
    ) -> None:
        """Read through these; before `start_block` there is no token. `gas` is told, not used."""
        self._database = database
        self._node = node
        self._source = source
        self._contracts = contracts
        self._gas = gas
        self._finality = finality
        self._start_block = start_block

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
        """Return the mint logs and burns from `from_block` on, or from the start block when that is later.

        At most `LOG_BLOCKS_MAX` blocks, about `LOGS_MAX` logs, or as many blocks as the node answers for at once.
        `to_block` 0 means the last final block and begins a question; a later block than that is never read.

        Raises:
            ChainUnavailable: no endpoint answered, or no block is final yet.
        """
        first = max(from_block, self._start_block)
        end = await self._source.header_at(await self._end(to_block))
        covered, burned = end.number, 0
        logs: list[MintedLog] = []
        if first <= end.number:
            covered, found = await self._source.logs_from(first, min(first + LOG_BLOCKS_MAX - 1, end.number))
            reached = covered
            covered, logs = _whole_blocks([log for log in found if isinstance(log, MintedLog)], covered)
            if covered < reached:
                self._source.span = covered - first + 1
            burned = await self._source.burned_between(first, covered)
        return MintLogs(
            logs=logs,
            burned=burned,
            from_block=first,
            covered_to_block=covered,
            end=end,
            supply_at_end=None if to_block else await self._contracts.supply(end.number),
        )

    async def _end(self, to_block: int) -> int:
        """Return the last block of a question about final blocks; the node is asked unless it is known to be final.

        Raises:
            ChainUnavailable: no endpoint answered, or no block is final yet.
        """
        async with self._database.transaction() as tx:
            known = (await network.network(tx)).final_block
        if 0 < to_block <= known:
            return to_block
        final = rules.final_number(await self._source.heads(), self._finality)
        if final < 0:
            raise ChainUnavailable("no block is final yet")
        return min(to_block or final, final)

    async def status(self) -> Status:
        """Return the state of this adapter within 3 s; what the chain does not tell just now is 0 or None.

        An endpoint that hangs holds up nobody but is told as one that does not answer.
        """
        async with self._database.transaction() as tx:
            stored = await network.network(tx)
            known = await numbers.known(tx)
            open_halts = await halts.list_open(tx)
            latest_anchors = await anchors.latest(tx)
            own_lanes = await lanes.lanes(tx)
            waiting = await mints.waiting_count(tx, WAITING_COUNTED_MAX)
            held = await holds.held_count(tx, WAITING_COUNTED_MAX)
            held_numbers = await holds.held_numbers(tx, HELD_NAMED_MAX)
        endpoints = await asyncio.gather(*(endpoint_status(endpoint) for endpoint in self._node.endpoints))
        head = max((one.head for one in endpoints if one.is_healthy), default=0)
        total_supply, allowance, own, standing, headers = await asyncio.gather(
            self._supply(head),
            told(self._allowance()),
            asyncio.gather(*(self._lane(lane, stored.final_block) for lane in own_lanes)),
            told(self._contracts.standing([Address(lane.address) for lane in own_lanes])),
            asyncio.gather(told(self._source.latest()), told(self._source.header_at(max(stored.final_block, 0)))),
        )
        return Status(
            network=stored,
            known=known,
            halts=open_halts,
            anchors=latest_anchors,
            head=head,
            total_supply=total_supply,
            allowance=allowance,
            gas=self._gas,
            lanes=own,
            endpoints=endpoints,
            accepted_waiting=waiting,
            held=held,
            held_numbers=held_numbers,
            standing=standing,
            newest=headers[0],
            final=headers[1] if stored.final_block >= 0 else None,
        )

    async def _allowance(self) -> Allowance:
        """Return what the contracts allow; asked again when the head moved meanwhile, which it does all the time."""
        for _ in range(ALLOWANCE_TRIES_MAX - 1):
            with suppress(RaceLost):
                return await self._contracts.allowance()
        return await self._contracts.allowance()

    async def _supply(self, head: int) -> int | None:
        """Return the supply at the head, None when nobody tells."""
        return await told(self._contracts.supply(head))

    async def _lane(self, lane: Lane, final_block: int) -> LaneStatus:
        """Return one lane beside what the chain says of its signer up to `final_block`.

        Where it says nothing just now: zeros, and our own record of what is final.
        """
        mined, gas_money_wei, final = await asyncio.gather(
            told(self._source.nonces(lane.address, ("latest", "pending"))),
            told(self._source.gas_money_wei(lane.address)),
            told(self._source.nonces(lane.address, (hex(max(final_block, 0)),))),
        )
        is_told = mined is not None and gas_money_wei is not None
        return LaneStatus(
            lane=lane,
            mined_nonce=mined[0] if mined is not None and is_told else 0,
            pending_nonce=mined[1] if mined is not None and is_told else 0,
            final_nonce=lane.final_nonce if final is None else final[0],
            gas_money_wei=gas_money_wei if gas_money_wei is not None and is_told else 0,
        )


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
