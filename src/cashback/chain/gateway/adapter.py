"""The running adapter as its operator reaches it: over gRPC, from another process, with no chain and no key at hand."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from cashback.chain.model import AdapterRefused, AdapterUnavailable, Halt, NotHalted, Person
from cashback.kernel.db import forbid_in_transaction
from cashback.wire.answers import AnswerCodec, ReasonCodec, Unintelligible, reason_of, understood
from cashback.wire.cashback.chain import v1

DEADLINE_S: Final = 5.0

_WORLD: Final = frozenset(
    {
        Status.UNAVAILABLE,
        Status.DEADLINE_EXCEEDED,
        Status.RESOURCE_EXHAUSTED,
        Status.INTERNAL,
        Status.UNKNOWN,
        Status.CANCELLED,
        Status.ABORTED,
    }
)
"""What says nothing against the call itself: the same one may work later."""


class Adapter:
    """The blockchain adapter as a person who administers it sees it."""

    def __init__(self, channel: Channel) -> None:
        """Speak over `channel`, which connects with the first call."""
        self._stub = v1.ChainAdapterServiceStub(channel)
        self._admin = v1.ChainAdminServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str) -> AsyncIterator["Adapter"]:
        """Yield the adapter at `host:port`; one that is down is no error here."""
        host, _, port = address.rpartition(":")
        channel = Channel(host, int(port), codec=AnswerCodec(), status_details_codec=ReasonCodec())
        try:
            yield cls(channel)
        finally:
            channel.close()

    async def halts(self) -> list[Halt]:
        """Return the open halts, oldest first; none when minting goes on.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s.
            AdapterRefused: this caller may not ask.
        """
        async with _failures_named("GetStatus"):
            answer = await self._stub.get_status(v1.GetStatusRequest(), timeout=DEADLINE_S)
            with understood():
                return _halts(answer.halts)

    async def halt(self, *, by: str, reason: str) -> list[Halt]:
        """Halt minting in the name of a person, and return every halt that is open now; safe to repeat.

        Raises:
            AdapterUnavailable: no intelligible answer within 5 s; it may be halted or not.
            AdapterRefused: this caller may not, or who and why are not as they must be.
        """
        async with _failures_named("Halt"):
            answer = await self._admin.halt(v1.HaltRequest(by=by, reason=reason), timeout=DEADLINE_S)
            with understood():
                return _halts(answer.halts)

    async def resume(self, *, by: str, reason: str) -> list[Halt]:
        """Lift every halt in the name of a person, and return them.

        Raises:
            NotHalted: there was none.
            AdapterUnavailable: no intelligible answer within 5 s; it may be lifted or not.
            AdapterRefused: this caller may not, or who and why are not as they must be.
        """
        async with _failures_named("Resume"):
            answer = await self._admin.resume(v1.ResumeRequest(by=by, reason=reason), timeout=DEADLINE_S)
            with understood():
                return _halts(answer.halts)


@asynccontextmanager
async def _failures_named(call: str) -> AsyncIterator[None]:
    """Bound a call, its connecting included, and turn what gRPC raises into what the caller should do."""
    forbid_in_transaction(call)
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield
    except GRPCError as cause:
        raise _failure(call, cause) from cause
    except Unintelligible as cause:
        raise AdapterUnavailable(f"{call}: the blockchain adapter answered nonsense ({cause})") from cause
    except (ProtocolError, StreamTerminatedError, OSError) as cause:
        raise AdapterUnavailable(f"{call}: the blockchain adapter did not answer ({type(cause).__name__})") from cause


def _failure(call: str, cause: GRPCError) -> AdapterUnavailable | AdapterRefused | NotHalted:
    """Return what a status means to the caller."""
    if reason_of(cause) == NotHalted.code:
        return NotHalted(cause.message or "minting is not halted")
    kind = AdapterUnavailable if cause.status in _WORLD else AdapterRefused
    return kind(f"{call}: the blockchain adapter answered {cause.status.name}: {cause.message}")


def _halts(messages: Iterable[v1.Halt]) -> list[Halt]:
    """Return halts in our words."""
    return [
        Halt(
            reason=str(one.reason),
            detail=str(one.detail),
            by=Person(str(one.by), str(one.certificate) or None),
            at_ms=int(one.at_ms),
        )
        for one in messages
    ]
