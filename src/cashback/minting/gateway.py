"""The way out to the blockchain adapter: gRPC with deadlines, its words checked and turned into ours.

| what happened                                                               | becomes                 |
|-----------------------------------------------------------------------------|-------------------------|
| the call itself is refused: INVALID_ARGUMENT and its kin (`_REFUSALS`)      | `AdapterRefused`        |
| the cursor is ahead of the adapter's stream                                 | `CursorAhead`           |
| the adapter's stream has another number where the cursor stands             | `CursorForeign`         |
| no connection, no answer in time, UNAVAILABLE, INTERNAL and all other codes | `AdapterUnavailable`    |
| an answer that is no message of the contract                                | `AdapterUnintelligible` |
| a message that says what the contract rules out                             | `AdapterAnswerBroken`   |
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Final

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.kernel.db import forbid_in_transaction
from cashback.kernel.money import INT63_MAX, TokenUnits
from cashback.kernel.telemetry import Kind, batch
from cashback.kernel.unreached import why_unanswered
from cashback.minting.model import (
    AdapterAnswerBroken,
    AdapterRefused,
    AdapterUnavailable,
    AdapterUnintelligible,
    Cursor,
    CursorAhead,
    CursorForeign,
    Inclusion,
    Mint,
    Outcome,
    OutcomeBatch,
    SubmitResult,
    Verdict,
)
from cashback.wire.answers import AnswerCodec, ReasonCodec, Unintelligible, reason_of, understood
from cashback.wire.cashback.chain import v1
from cashback.wire.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub

SUBMIT_MINTS_MAX: Final = 500
SUBMIT_DEADLINE_S: Final = 10.0
STATUS_DEADLINE_S: Final = 1.0
SILENCE_MAX_S: Final = 8.0
"""How long the stream of outcomes may bring nothing before it counts as lost: an adapter that lives sends four
heartbeats meanwhile."""

REASON_LENGTH_MAX: Final = 500
EPOCH_LENGTH_MAX: Final = 200
REVERSALS_MAX: Final = 1_000_000
_TOO_LATE: Final = "the adapter did not answer in time"
_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32

_REFUSALS: Final = frozenset(
    {
        Status.INVALID_ARGUMENT,
        Status.OUT_OF_RANGE,
        Status.NOT_FOUND,
        Status.ALREADY_EXISTS,
        Status.PERMISSION_DENIED,
        Status.UNAUTHENTICATED,
        Status.UNIMPLEMENTED,
    }
)
_RESULTS: Final = {
    v1.SubmitResult.ACCEPTED: SubmitResult.ACCEPTED,
    v1.SubmitResult.CONFLICT: SubmitResult.CONFLICT,
    v1.SubmitResult.INVALID: SubmitResult.INVALID,
}


class Adapter:
    """The blockchain adapter as minting sees it; calls may run at the same time, and a lost connection is renewed."""

    def __init__(self, channel: Channel) -> None:
        """Speak over `channel`, which connects with the first call."""
        self._stub = v1.ChainAdapterServiceStub(channel)
        self._health = HealthStub(channel)

    @classmethod
    @asynccontextmanager
    async def connect(cls, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator["Adapter"]:
        """Yield the adapter at `host:port`, at once: one that is down is no error here. Without `tls` in plain text."""
        channel = Channel(host, port, codec=AnswerCodec(), status_details_codec=ReasonCodec(), ssl=tls)
        try:
            yield cls(channel)
        finally:
            channel.close()

    async def submit(self, mints: Sequence[Mint]) -> list[Verdict]:
        """Hand over at most 500 mints and return a verdict for each that the adapter answered for.

        Safe to call again: the adapter knows each number. After `AdapterUnavailable` it is unknown what it took.

        Raises:
            AdapterUnavailable: it did not answer within 10 s.
            AdapterRefused: it refused the whole call.
            AdapterAnswerBroken: it answered for a number it was not asked about.
            AdapterUnintelligible: it answered nonsense; likewise it is unknown what it took.
        """
        forbid_in_transaction("the blockchain adapter")
        with _submitting(mints) as traces, _failures_named():
            request = v1.SubmitMintsRequest(mints=[_to_wire(*one) for one in zip(mints, traces, strict=True)])
            answer = await self._stub.submit_mints(request, timeout=SUBMIT_DEADLINE_S)
        asked = {mint.number for mint in mints}
        with _failures_named(), understood():
            return [_to_verdict(entry, asked) for entry in answer.entries if entry.result in _RESULTS]

    async def watch(self, cursor: Cursor) -> AsyncGenerator[OutcomeBatch, None]:
        """Yield what became final after `cursor`, for as long as the connection lasts; close it to stop.

        Raises:
            AdapterUnavailable: the stream ended, or brought nothing for 8 s; watch again.
            AdapterRefused: the adapter refused the call.
            CursorAhead: its stream does not go as far as `cursor`.
            CursorForeign: its stream has another number where `cursor` stands.
            AdapterAnswerBroken: an outcome is not what the contract allows.
            AdapterUnintelligible: it answered nonsense; watch again.
        """
        forbid_in_transaction("the blockchain adapter")
        request = v1.WatchOutcomesRequest(
            epoch=cursor.epoch, after_sequence=cursor.sequence, after_number=cursor.number
        )
        stream = self._stub.watch_outcomes(request)
        try:
            while True:
                yield await _next_batch(stream)
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # the stub's type hides that it is a generator

    async def tell_number(self, number: int) -> None:
        """Tell the highest number that was ever requested here, at most 2^62.

        Raises:
            AdapterUnavailable: no answer within a second; tell it again.
            AdapterRefused: the adapter does not want to know.
        """
        forbid_in_transaction("the blockchain adapter")
        request = v1.TellNumberRequest(teller=v1.NumberTeller.MINTING, number=number)
        with _failures_named():
            await self._stub.tell_number(request, timeout=STATUS_DEADLINE_S)

    async def ping(self) -> None:
        """Return when the adapter takes calls; how its endpoints are is no part of the question.

        Raises:
            AdapterUnavailable: it did not say so within a second, or it is stopping.
        """
        forbid_in_transaction("the blockchain adapter")
        with _failures_named():
            answer = await self._health.check(HealthCheckRequest(), timeout=STATUS_DEADLINE_S)
        if answer.status is not HealthCheckResponseServingStatus.SERVING:
            raise AdapterUnavailable("the adapter takes no calls: it is starting or stopping")


@contextmanager
def _failures_named() -> Iterator[None]:
    """Turn what gRPC raises into what the caller should do."""
    try:
        yield
    except GRPCError as cause:
        # Both sides know the deadline, and either may be the first to see it pass.
        is_late = cause.status is Status.DEADLINE_EXCEEDED
        detail = _TOO_LATE if is_late else f"the adapter answered {cause.status.name}: {cause.message}"
        raise _kind(cause)(detail, status=cause.status.name) from cause
    except Unintelligible as cause:
        raise AdapterUnintelligible(f"the adapter answered nonsense: {cause}") from cause
    except TimeoutError as cause:
        raise AdapterUnavailable(_TOO_LATE) from cause
    except (OSError, StreamTerminatedError, ProtocolError) as cause:
        why = why_unanswered(cause, ended=StreamTerminatedError)
        raise AdapterUnavailable(f"the adapter cannot be reached: {why}") from cause


def _kind(failure: GRPCError) -> type[AdapterRefused | AdapterUnavailable | CursorAhead | CursorForeign]:
    """Return what a status means to the caller."""
    reason = reason_of(failure)
    for kind in (CursorAhead, CursorForeign):
        if reason == kind.code:
            return kind
    return AdapterRefused if failure.status in _REFUSALS else AdapterUnavailable


async def _next_batch(stream: AsyncIterator[v1.WatchOutcomesResponse]) -> OutcomeBatch:
    """Return the next message of the stream."""
    with _failures_named():
        async with asyncio.timeout(SILENCE_MAX_S):
            message = await anext(stream, None)
    if message is None:
        raise AdapterUnavailable("the adapter ended its stream of outcomes")
    with _failures_named(), understood():
        return _to_batch(message)


def _to_batch(message: v1.WatchOutcomesResponse) -> OutcomeBatch:
    """Return one message of the stream."""
    if not 0 < len(message.epoch) <= EPOCH_LENGTH_MAX:
        raise AdapterAnswerBroken("a batch of outcomes has no usable epoch", epoch=message.epoch)
    return OutcomeBatch(message.epoch, tuple(_to_outcome(outcome) for outcome in message.outcomes))


def _submitting(mints: Sequence[Mint]) -> AbstractContextManager[list[str | None]]:
    """Return the span of handing `mints` over, and below each mint's own trace that of handing it over."""
    return batch(
        "submit mints",
        [mint.traceparent for mint in mints],
        lambda place: ("submit mint", {"cashback.mint.number": mints[place].number}),
        kinds=(Kind.INTERNAL, Kind.CLIENT),
        attributes={"cashback.batch.mints": len(mints)},
    )


def _to_wire(mint: Mint, traceparent: str | None) -> v1.Mint:
    """Return a mint in the words of the contract, as part of a trace."""
    return v1.Mint(
        number=mint.number,
        cashback_id=mint.cashback_id,
        recipient=mint.recipient,
        amount=mint.amount,
        traceparent=traceparent or "",
    )


def _to_verdict(entry: v1.SubmitMintsResponseEntry, asked: set[int]) -> Verdict:
    """Return one entry of an answer."""
    if entry.number not in asked:
        raise AdapterAnswerBroken("the adapter answered for a number it was not asked about", number=entry.number)
    return Verdict(entry.number, _RESULTS[entry.result], entry.reason[:REASON_LENGTH_MAX])


def _to_outcome(outcome: v1.Outcome) -> Outcome:
    """Return one outcome, its ranges checked: what is stored as a bigint must fit, and uint64 does not."""
    numbers = (outcome.sequence, outcome.number, outcome.amount)
    if any(not 0 < number <= INT63_MAX for number in numbers) or len(outcome.recipient) != _ADDRESS_BYTES:
        raise AdapterAnswerBroken("an outcome is out of range", sequence=outcome.sequence, number=outcome.number)
    return Outcome(
        sequence=outcome.sequence,
        number=outcome.number,
        cashback_id=outcome.cashback_id,
        recipient=outcome.recipient,
        amount=TokenUnits(outcome.amount),
        inclusion=_to_inclusion(outcome),
        reason=outcome.reason[:REASON_LENGTH_MAX],
        is_reverted=outcome.kind == v1.OutcomeKind.REVERTED,
        reversals=_to_reversals(outcome),
    )


def _to_inclusion(outcome: v1.Outcome) -> Inclusion | None:
    """Return where the mint stands on the chain, or None when it failed."""
    if outcome.kind == v1.OutcomeKind.FAILED:
        return None
    hashes = (outcome.transaction_hash, outcome.block_hash)
    has_place = outcome.kind in {v1.OutcomeKind.MINTED, v1.OutcomeKind.REVERTED}
    if not has_place or any(len(digest) != _HASH_BYTES for digest in hashes):
        raise AdapterAnswerBroken("an outcome is neither minted nor failed nor reverted", number=outcome.number)
    if outcome.block_number > INT63_MAX:
        raise AdapterAnswerBroken("an outcome's block is out of range", number=outcome.number)
    return Inclusion(outcome.transaction_hash, outcome.block_number, outcome.block_hash)


def _to_reversals(outcome: v1.Outcome) -> int:
    """Return how often an outcome of the number was taken back; at least once where this one says so."""
    least = 1 if outcome.kind == v1.OutcomeKind.REVERTED else 0
    if not least <= outcome.reversals <= REVERSALS_MAX:
        raise AdapterAnswerBroken("an outcome's count of reversals is out of range", number=outcome.number)
    return outcome.reversals
