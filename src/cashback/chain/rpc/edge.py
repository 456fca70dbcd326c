"""What every call passes: who calls, bounds on size, time and number, the caller's trace, our failures as statuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TypeAlias

import msgspec
from grpclib import GRPCError
from grpclib.const import Cardinality, Status
from grpclib.events import RecvRequest
from grpclib.protocol import Peer
from grpclib.server import Stream
from prometheus_client import Histogram

from cashback.chain.rpc.callers import Callers, known_as
from cashback.chain.rpc.errors import refused, to_grpc
from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import Broken, CashbackError
from cashback.kernel.telemetry import Kind, Span, logger, span, trace

MESSAGE_BYTES_MAX: Final = 1_048_576
CALLS_MAX: Final = 64
STREAMS_MAX: Final = 32
CALL_S_MAX: Final = 20.0
"""How long one answer may take when the caller sets no deadline."""

DURATION: Final = Histogram(
    "rpc_server_call_duration_seconds",
    "Calls from their head to the end of their answer; a stream lasts as long as its caller listens.",
    ["rpc_system_name", "rpc_method", "rpc_response_status_code"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)

_TRACED: Final = "/cashback."
"""Who asks how the server is, or what it can, is no step of anybody's trace; nor is a stream that lasts for days."""

_SERVER_FAILED: Final = frozenset(
    {Status.UNKNOWN, Status.DEADLINE_EXCEEDED, Status.UNIMPLEMENTED, Status.INTERNAL, Status.UNAVAILABLE}
)
"""What the conventions count as the server's failure; the other statuses tell its caller of the caller's own."""

Method: TypeAlias = Callable[[Stream[Any, Any]], Awaitable[None]]

log = logger(__name__)


class Call(msgspec.Struct, frozen=True):
    """What is asked for, under its whole path, by whom, and what answers it."""

    path: str
    peer: Peer
    method: Method


class Edge:
    """Wraps every call of one server."""

    def __init__(self, callers: Callers) -> None:
        """Take calls of these callers until told to drain."""
        self._callers = callers
        self._is_draining = False
        self._calls = 0
        self._streams = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """Return how many calls and streams are being served."""
        return self._calls + self._streams

    async def drain(self, within_s: float) -> None:
        """Refuse new calls, and return when none is in flight any more or `within_s` seconds have passed."""
        self._is_draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._idle.wait()

    async def wrap(self, event: RecvRequest) -> None:
        """Put the bounds around a call that has just begun; grpclib calls this.

        What it puts there does not hold the event, which holds it: nothing of a call waits for the collector of cycles.
        """
        method: Any = event.method_func
        call = Call(event.method_name, event.peer, method)
        traceparent: Any = event.metadata.get("traceparent")

        async def bounded(stream: Stream[Any, Any]) -> None:
            given = traceparent if isinstance(traceparent, str) else None
            if not call.path.startswith(_TRACED) or _is_stream(stream):
                with trace(given):
                    await self._serve(stream, call)
                return
            name = call.path.removeprefix("/")
            told = {"rpc.system.name": "grpc", "rpc.method": name}
            with span(name, kind=Kind.SERVER, parent=given, attributes=told) as served:
                await self._serve(stream, call, served)

        event.method_func = bounded

    async def _serve(self, stream: Stream[Any, Any], call: Call, served: Span | None = None) -> None:
        """Serve one call within the bounds, and tell its failure in the caller's words."""
        is_stream = _is_stream(stream)
        status = Status.UNKNOWN
        begun_s = monotonic_s()
        try:
            caller = self._callers.admit(call.peer.cert(), method=call.path)
            async with self._counted(is_stream=is_stream), _bound_time(None if is_stream else CALL_S_MAX):
                with known_as(caller), _bounded_messages(stream):
                    await call.method(stream)
            status = Status.OK
        except CashbackError as failure:
            if isinstance(failure, Broken):
                log.exception("call.broke", method=call.path.rpartition("/")[2], code=failure.code)
            status = to_grpc(failure).status
            raise to_grpc(failure) from failure
        except GRPCError as error:
            status = error.status
            raise
        finally:
            DURATION.labels("grpc", call.path.removeprefix("/"), status.name).observe(monotonic_s() - begun_s)
            if served is not None:
                served.attributes["rpc.response.status_code"] = status.name
                served.error = status.name if status in _SERVER_FAILED else ""

    @asynccontextmanager
    async def _counted(self, *, is_stream: bool) -> AsyncIterator[None]:
        """Count a call while it is served, and refuse it when there are too many or the server is leaving."""
        if self._is_draining:
            raise refused(Status.UNAVAILABLE, code="draining", detail="the adapter is stopping; try another one")
        if (self._streams >= STREAMS_MAX) if is_stream else (self._calls >= CALLS_MAX):
            raise refused(Status.RESOURCE_EXHAUSTED, code="too_many_calls", detail="too many calls at once")
        self._streams += is_stream
        self._calls += not is_stream
        self._idle.clear()
        try:
            yield
        finally:
            self._streams -= is_stream
            self._calls -= not is_stream
            if not self.in_flight:
                self._idle.set()


def _is_stream(stream: Stream[Any, Any]) -> bool:
    """Tell whether a call is answered by more than one message."""
    return stream._cardinality is Cardinality.UNARY_STREAM  # noqa: SLF001 - grpclib tells it nowhere else


@asynccontextmanager
async def _bound_time(within_s: float | None) -> AsyncIterator[None]:
    """Refuse to go on after `within_s` seconds; a deadline of the caller's own is grpclib's to keep."""
    bound = asyncio.timeout(within_s)
    try:
        async with bound:
            yield
    except TimeoutError as cause:
        if not bound.expired():
            raise
        raise refused(Status.DEADLINE_EXCEEDED, code="too_slow", detail="the answer took too long") from cause


@contextmanager
def _bounded_messages(stream: Stream[Any, Any]) -> Iterator[None]:
    """Refuse a message by the length it announces, before any of it is read: grpclib itself has no limit.

    The bound is taken off in the end: it and the stream hold each other, and what a call took would be freed only when
    the collector of cycles comes by, some thousand calls later.
    """
    transport: Any = stream._stream  # noqa: SLF001 - grpclib offers no other place
    receive = transport.recv_data

    async def bounded(size: int) -> bytes:
        if size > MESSAGE_BYTES_MAX:
            detail = f"a message is at most {MESSAGE_BYTES_MAX} bytes, not {size}"
            raise refused(Status.RESOURCE_EXHAUSTED, code="message_too_large", detail=detail)
        data: bytes = await receive(size)
        return data

    transport.recv_data = bounded
    try:
        yield
    finally:
        del transport.recv_data
