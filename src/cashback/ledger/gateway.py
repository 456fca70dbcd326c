"""Asks the blockchain adapter what stands on the chain; a short deadline, and never inside a transaction."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from grpclib.client import Channel
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.money import TokenUnits
from cashback.ledger.model import (
    AdapterUnavailable,
    AdapterUnintelligible,
    ChainBalance,
    ChainLogs,
    ChainStatus,
    ChainUnavailable,
    EndpointHealth,
    LaneNonces,
    LiveMint,
    MintLog,
)
from cashback.wire.answers import AnswerCodec, ReasonCodec, Unintelligible, reason_of, understood
from cashback.wire.cashback.chain.v1 import (
    ChainAdapterServiceStub,
    GetBalancesRequest,
    GetMintsRequest,
    GetMintsResponseEntry,
    GetStatusRequest,
    GetStatusResponse,
    ListMintLogsRequest,
    ListMintLogsResponse,
    MintState,
    NumberTeller,
    TellNumberRequest,
)

DEADLINE_S: Final = 0.5
"""How long an answer for a person may take; after it the ledger's own figure is shown, marked stale."""

LIMIT_DEADLINE_S: Final = 2.0
"""How long whoever starts, or starts a programme, waits for what is minted at once."""

AUDIT_DEADLINE_S: Final = 30.0
"""How long a reading for a comparison may take."""

CHAIN_FAILURES: Final = frozenset({"chain_unavailable", "endpoint_refused", "endpoint_silent", "quorum_missing"})
"""The adapter's codes for nodes that gave it no usable answer."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32
_DIGITS_MAX: Final = 78
"""Of 2^256 - 1, the most that a contract can answer."""


class Adapter:
    """The blockchain adapter as the ledger's readers see it."""

    def __init__(self, channel: Channel) -> None:
        """Ask over `channel`, which connects by itself and again after each loss."""
        self._stub = ChainAdapterServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Adapter"]:
        """Yield an adapter at `host:port`; it need not be up yet. Without `tls` in plain text."""
        host, _, port = address.rpartition(":")
        channel = Channel(host, int(port), codec=AnswerCodec(), status_details_codec=ReasonCodec(), ssl=tls)
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
            with understood():
                [units] = answer.balances
                return ChainBalance(
                    token_units=_digits(units),
                    block_number=int(answer.block_number),
                    block_hash=_hash(answer.block_hash),
                )

    async def mints(self, numbers: Sequence[int]) -> dict[int, LiveMint]:
        """Return the live state of the mints under `numbers` (at most 1,000), by number.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = GetMintsRequest(numbers=list(numbers))
        async with _deadline("GetMints"):
            answer = await self._stub.get_mints(request, timeout=DEADLINE_S)
            with understood():
                return {entry.number: _live(entry) for entry in answer.entries}

    async def mint_logs(self, *, from_block: int, to_block: int = 0) -> ChainLogs:
        """Return the mint logs from a block on, as many blocks as the adapter covers in one answer.

        The question ends at `to_block`; 0 means the last final block. Ask on from the block after `covered_to_block`,
        to the `at_block` of the first answer; the figures burned add up.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = ListMintLogsRequest(from_block=from_block, to_block=to_block)
        async with _deadline("ListMintLogs", AUDIT_DEADLINE_S):
            answer = await self._stub.list_mint_logs(request, timeout=AUDIT_DEADLINE_S)
            with understood():
                return _logs(answer)

    async def tell_number(self, number: int) -> None:
        """Tell the highest number that the ledger has given out, because it is lower than what the adapter knows.

        The adapter compares for itself, and halts minting when that is so.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        request = TellNumberRequest(teller=NumberTeller.LEDGER, number=number)
        async with _deadline("TellNumber", AUDIT_DEADLINE_S):
            await self._stub.tell_number(request, timeout=AUDIT_DEADLINE_S)

    async def status(self) -> ChainStatus:
        """Return how the adapter stands.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("GetStatus", AUDIT_DEADLINE_S):
            answer = await self._stub.get_status(GetStatusRequest(), timeout=AUDIT_DEADLINE_S)
            with understood():
                return _status(answer)

    async def mint_limit(self) -> TokenUnits | None:
        """Return the most base units that the minter mints at once, None when no node tells.

        Raises:
            AdapterUnavailable: no intelligible answer within the deadline.
        """
        async with _deadline("GetStatus", LIMIT_DEADLINE_S):
            answer = await self._stub.get_status(GetStatusRequest(), timeout=LIMIT_DEADLINE_S)
            with understood():
                return _status(answer).limit


@asynccontextmanager
async def _deadline(call: str, within_s: float = DEADLINE_S) -> AsyncIterator[None]:
    """Bound a call, its connecting included, and turn every way in which the world fails into one error."""
    forbid_in_transaction(call)
    try:
        async with asyncio.timeout(within_s):
            yield
    except GRPCError as cause:
        raise _failure(call, cause) from cause
    except (ProtocolError, StreamTerminatedError, OSError) as cause:
        raise AdapterUnavailable(f"{call}: the blockchain adapter did not answer ({type(cause).__name__})") from cause
    except Unintelligible as cause:
        raise AdapterUnintelligible(f"{call}: the blockchain adapter answered nonsense ({cause})") from cause


def _failure(call: str, status: GRPCError) -> AdapterUnavailable:
    """Return what a status that is not OK means; it is an answer of the adapter, who may tell that the node failed."""
    said = f"{call}: {status.message}" if status.message else call
    if reason_of(status) in CHAIN_FAILURES:
        return ChainUnavailable(f"the blockchain adapter answered, but no node of the chain did as it should ({said})")
    return AdapterUnavailable(f"the blockchain adapter answered {status.status.name} ({said})")


def _logs(answer: ListMintLogsResponse) -> ChainLogs:
    """Return one page of logs in our words.

    Raises:
        ValueError: it says what no page may say.
    """
    return ChainLogs(
        logs=[
            MintLog(
                number=int(log.number),
                recipient=_address(log.recipient),
                amount=int(_digits(log.amount)),
                block_number=int(log.block_number),
                transaction_hash=_hash(log.transaction_hash),
            )
            for log in answer.logs
        ],
        from_block=int(answer.from_block),
        covered_to_block=int(answer.covered_to_block),
        at_block=int(answer.at_block),
        at_block_hash=_hash(answer.at_block_hash),
        at_block_mined_at=_EPOCH + timedelta(seconds=answer.at_block_mined_at_s),
        total_supply=int(_digits(answer.total_supply)) if answer.total_supply else None,
        burned=int(_digits(answer.burned)),
    )


def _status(answer: GetStatusResponse) -> ChainStatus:
    """Return the adapter's state in our words.

    Raises:
        ValueError: it says what no state may say.
    """
    return ChainStatus(
        chain_id=int(answer.chain_id),
        head=int(answer.head),
        final=int(answer.final),
        halted_reason=answer.halted_reason,
        accepted_waiting=int(answer.accepted_waiting),
        held=int(answer.held),
        known_number=int(answer.known_number),
        minting_told_ms_ago=int(answer.minting_told_ms_ago) or None,
        limit=None if answer.allowance is None else TokenUnits(int(_digits(answer.allowance.capacity))),
        lanes=[
            LaneNonces(
                address=_octets(lane.address, _ADDRESS_BYTES),
                next_nonce=int(lane.next_nonce),
                mined_nonce=int(lane.mined_nonce),
                final_nonce=int(lane.final_nonce),
                gas_money_wei=int(_digits(lane.gas_money_wei)),
            )
            for lane in answer.lanes
        ],
        endpoints=[
            EndpointHealth(name=one.name, is_healthy=bool(one.is_healthy), problem=one.problem)
            for one in answer.endpoints
        ],
    )


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


def _address(data: bytes) -> str:
    """Return an address on the wire as people write it; see `_octets`."""
    return "0x" + _octets(data, _ADDRESS_BYTES).hex()


def _hash(data: bytes) -> str:
    """Return a hash on the wire as people write it; see `_octets`."""
    return "0x" + _octets(data, _HASH_BYTES).hex()


def _octets(data: bytes, length: int) -> bytes:
    """Return bytes on the wire as they are.

    Raises:
        ValueError: they are more or fewer than `length`.
    """
    if len(data) != length:
        raise ValueError(f"{length} bytes were expected, not {len(data)}")
    return data


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
