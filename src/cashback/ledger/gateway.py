"""Asks the blockchain adapter what stands on the chain; a short deadline, and never inside a transaction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from grpclib.client import Channel
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.errors import Unavailable
from cashback.wire.cashback.chain.v1 import (
    ChainAdapterServiceStub,
    GetBalancesRequest,
    GetMintsRequest,
    GetMintsResponseEntry,
    GetStatusRequest,
    ListMintLogsRequest,
    MintState,
)

DEADLINE_S: Final = 0.5
"""How long an answer for a person may take; after it the ledger's own figure is shown, marked stale."""

AUDIT_DEADLINE_S: Final = 30.0
"""How long a reading for a comparison may take."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HASH_BYTES: Final = 32
_DIGITS_MAX: Final = 78
"""Of 2^256 - 1, the most that a contract can answer."""

_NONSENSE: Final = (ArithmeticError, AttributeError, EOFError, LookupError, TypeError, ValueError)
"""What decoding and reading an answer raises when it is none of the contract's; its decoder checks no types."""


class AdapterUnavailable(Unavailable):
    """The blockchain adapter did not answer in time."""

    code = "adapter_unavailable"


class AdapterUnintelligible(AdapterUnavailable):
    """The blockchain adapter answered what its contract does not allow."""

    code = "adapter_unintelligible"


class ChainBalance(msgspec.Struct, frozen=True, kw_only=True):
    """What the token contract says an address holds, in base units, at one block."""

    token_units: str
    block_number: int
    block_hash: str


class MintLog(msgspec.Struct, frozen=True, kw_only=True):
    """One mint as the chain's own log shows it; the amount is in base units."""

    number: int
    recipient: str
    amount: int
    block_number: int
    transaction_hash: str


class ChainLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Mint logs up to `covered_to_block`, and what holders burned in the same blocks.

    `at_block` is the last block of the whole question; `total_supply` stands there, None when no node tells any more.
    """

    logs: list[MintLog]
    covered_to_block: int
    at_block: int
    at_block_hash: str
    total_supply: int | None
    burned: int


class LaneNonces(msgspec.Struct, frozen=True, kw_only=True):
    """A signer's nonces: given out by the adapter, used on the chain up to its head, and used up to its final block."""

    address: bytes
    next_nonce: int
    mined_nonce: int
    final_nonce: int
    gas_money_wei: int

    @property
    def is_told(self) -> bool:
        """Tell whether the node said anything about this signer; one that has used nonces has paid for them."""
        return self.mined_nonce > 0 or self.gas_money_wei > 0


class ChainStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the adapter stands: heads, whether it is halted, what waits, and its signers."""

    chain_id: int
    head: int
    final: int
    halted_reason: str
    accepted_waiting: int
    lanes: list[LaneNonces]


class LiveMint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come on the chain; what it has not reached is None."""

    number: int
    state: str
    transaction_hash: str | None
    block_number: int | None
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None


class Adapter:
    """The blockchain adapter as the ledger's readers see it."""

    def __init__(self, channel: Channel) -> None:
        """Ask over `channel`, which connects by itself and again after each loss."""
        self._stub = ChainAdapterServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator["Adapter"]:
        """Yield an adapter at `host:port`; it need not be up yet."""
        host, _, port = address.rpartition(":")
        channel = Channel(host, int(port))
        try:
            yield cls(channel)
        finally:
            channel.close()

    async def balance(self, address: str) -> ChainBalance:
        """Return what `address` holds on the chain.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = GetBalancesRequest(addresses=[bytes.fromhex(address.removeprefix("0x"))])
        async with _deadline("GetBalances"):
            answer = await self._stub.get_balances(request, timeout=DEADLINE_S)
            [units] = answer.balances
            return ChainBalance(
                token_units=_digits(units), block_number=int(answer.block_number), block_hash=_hash(answer.block_hash)
            )

    async def mints(self, numbers: Sequence[int]) -> dict[int, LiveMint]:
        """Return the live state of the mints under `numbers` (at most 1,000), by number.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("GetMints"):
            answer = await self._stub.get_mints(GetMintsRequest(numbers=list(numbers)), timeout=DEADLINE_S)
            return {entry.number: _live(entry) for entry in answer.entries}

    async def mint_logs(self, *, from_block: int, to_block: int = 0) -> ChainLogs:
        """Return the mint logs from a block on, as many blocks as the adapter covers in one answer.

        The question ends at `to_block`; 0 means the last final block. Ask on from the block after `covered_to_block`,
        to the `at_block` of the first answer; the figures burned add up.

        Raises:
            AdapterUnavailable: no answer within the deadline.
        """
        async with _deadline("ListMintLogs", AUDIT_DEADLINE_S):
            answer = await self._stub.list_mint_logs(
                ListMintLogsRequest(from_block=from_block, to_block=to_block), timeout=AUDIT_DEADLINE_S
            )
        return ChainLogs(
            logs=[
                MintLog(
                    number=log.number,
                    recipient="0x" + log.recipient.hex(),
                    amount=int(log.amount),
                    block_number=log.block_number,
                    transaction_hash="0x" + log.transaction_hash.hex(),
                )
                for log in answer.logs
            ],
            covered_to_block=answer.covered_to_block,
            at_block=answer.at_block,
            at_block_hash="0x" + answer.at_block_hash.hex(),
            total_supply=int(answer.total_supply) if answer.total_supply else None,
            burned=int(answer.burned),
        )

    async def status(self) -> ChainStatus:
        """Return how the adapter stands.

        Raises:
            AdapterUnavailable: no answer within the deadline.
        """
        async with _deadline("GetStatus", AUDIT_DEADLINE_S):
            answer = await self._stub.get_status(GetStatusRequest(), timeout=AUDIT_DEADLINE_S)
        return ChainStatus(
            chain_id=answer.chain_id,
            head=answer.head,
            final=answer.final,
            halted_reason=answer.halted_reason,
            accepted_waiting=answer.accepted_waiting,
            lanes=[
                LaneNonces(
                    address=lane.address,
                    next_nonce=lane.next_nonce,
                    mined_nonce=lane.mined_nonce,
                    final_nonce=lane.final_nonce,
                    gas_money_wei=int(lane.gas_money_wei),
                )
                for lane in answer.lanes
            ],
        )


@asynccontextmanager
async def _deadline(call: str, within_s: float = DEADLINE_S) -> AsyncIterator[None]:
    """Bound a call, its connecting included, and turn every way in which the world fails into one error."""
    forbid_in_transaction(call)
    try:
        async with asyncio.timeout(within_s):
            yield
    except (GRPCError, ProtocolError, StreamTerminatedError, OSError) as cause:
        raise AdapterUnavailable(f"{call}: the blockchain adapter did not answer ({type(cause).__name__})") from cause
    except _NONSENSE as cause:
        raise AdapterUnintelligible(f"{call}: the blockchain adapter answered nonsense ({cause!r:.200})") from cause


def _live(entry: GetMintsResponseEntry) -> LiveMint:
    """Return one entry of the answer in our words.

    Raises:
        ValueError: it says what no entry may say.
    """
    state = MintState(entry.state)
    if state is MintState.UNSPECIFIED or not state.name:
        raise ValueError(f"{entry.state} is no state")
    return LiveMint(
        number=entry.number,
        state=state.name.lower(),
        transaction_hash=_hash(entry.transaction_hash) if entry.transaction_hash else None,
        block_number=int(entry.block_number) or None,
        submitted_at=_instant(entry.submitted_at_ms),
        included_at=_instant(entry.included_at_ms),
        final_at=_instant(entry.final_at_ms),
    )


def _hash(data: bytes) -> str:
    """Return a hash on the wire as people write it.

    Raises:
        ValueError: it has another length.
    """
    if len(data) != _HASH_BYTES:
        raise ValueError(f"a hash has {_HASH_BYTES} bytes, not {len(data)}")
    return "0x" + data.hex()


def _digits(text: str) -> str:
    """Return a whole number on the wire as it stands.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise ValueError(f"{text!r:.100} is no whole number")
    return text


def _instant(milliseconds: int) -> datetime | None:
    """Return an instant on the wire as a time; 0 stands for not reached.

    Raises:
        OverflowError: no calendar reaches that far.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
