"""The client half of betterproto2's gRPC runtime, copied beside the generated code by `proto/generate.py`.

betterproto2's own brings grpclib's server along; a process that only asks must not carry a server (the footprints in
tests/architecture/test_footprints.py are the service boundary).
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, Self, TypeVar

from grpclib.client import Channel, Stream
from grpclib.const import Cardinality
from grpclib.exceptions import GRPCError, StreamTerminatedError
from grpclib.metadata import Deadline

from cashback.kernel.telemetry import Kind, current_traceparent, span

Metadata = Mapping[str, str | bytes] | Collection[tuple[str, str | bytes]]


class Message(Protocol):
    """What grpclib's codec asks of a message."""

    @classmethod
    def FromString(cls, data: bytes) -> Self:  # noqa: N802 - the protobuf runtime's name
        """Return the message that `data` encodes."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - the protobuf runtime's name
        """Return this message's encoding."""


Answer = TypeVar("Answer", bound=Message)


class ServiceStub:
    """A service as its client sees it; the generated stub adds a method per call."""

    def __init__(
        self,
        channel: Channel,
        *,
        timeout: float | None = None,
        deadline: Deadline | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        self.channel = channel
        self.timeout = timeout
        self.deadline = deadline
        self.metadata = metadata

    async def _unary_unary(
        self,
        route: str,
        request: Message,
        answer: type[Answer],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - sent to the server as the call's deadline
        deadline: Deadline | None = None,
        metadata: Metadata | None = None,
    ) -> Answer:
        with _asking(route, self.metadata if metadata is None else metadata) as told, _loss_named():
            call = self.channel.request(
                route,
                Cardinality.UNARY_UNARY,
                type(request),
                answer,
                timeout=self.timeout if timeout is None else timeout,
                deadline=self.deadline if deadline is None else deadline,
                metadata=told,
            )
            async with call as stream:
                await stream.send_message(request, end=True)
                received: Answer | None = await stream.recv_message()
        # Without a message grpclib has raised the status already when it left the stream.
        if received is None:
            message = f"{route} answered OK without a message"
            raise TypeError(message)
        return received

    async def _unary_stream(
        self,
        route: str,
        request: Message,
        answer: type[Answer],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - sent to the server as the call's deadline
        deadline: Deadline | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncIterator[Answer]:
        call = self.channel.request(
            route,
            Cardinality.UNARY_STREAM,
            type(request),
            answer,
            timeout=self.timeout if timeout is None else timeout,
            deadline=self.deadline if deadline is None else deadline,
            metadata=self.metadata if metadata is None else metadata,
        )
        with _loss_named():
            async with call as stream:
                await stream.send_message(request, end=True)
                async for message in stream:
                    yield message

    async def _stream_stream(
        self,
        route: str,
        messages: AsyncIterable[Message],
        request: type[Message],
        answer: type[Answer],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - sent to the server as the call's deadline
        deadline: Deadline | None = None,
        metadata: Metadata | None = None,
    ) -> AsyncIterator[Answer]:
        async with self.channel.request(
            route,
            Cardinality.STREAM_STREAM,
            request,
            answer,
            timeout=self.timeout if timeout is None else timeout,
            deadline=self.deadline if deadline is None else deadline,
            metadata=self.metadata if metadata is None else metadata,
        ) as stream:
            await stream.send_request()
            sending = asyncio.ensure_future(_send_all(stream, messages))
            try:
                async for message in stream:
                    yield message
            finally:
                sending.cancel()
                await asyncio.wait({sending})


@contextmanager
def _asking(route: str, metadata: Metadata | None) -> Iterator[Metadata | None]:
    """Yield what to send beside a request, so that the server continues the trace of the work in progress, if any.

    Streams are no part of it: one that lasts for days is no step of anybody's trace.
    """
    if current_traceparent() is None:
        yield metadata
        return
    method = route.removeprefix("/")
    with span(method, kind=Kind.CLIENT, attributes={"rpc.system.name": "grpc", "rpc.method": method}) as asked:
        pairs = metadata.items() if isinstance(metadata, Mapping) else metadata or ()
        try:
            yield [*pairs, ("traceparent", asked.traceparent)]
        except GRPCError as failure:
            asked.attributes["rpc.response.status_code"] = asked.error = failure.status.name
            raise
        asked.attributes["rpc.response.status_code"] = "OK"


@contextmanager
def _loss_named() -> Iterator[None]:
    """Have a call that waited while its connection was lost say so.

    grpclib 0.4.9 forgets the transport of a closed connection, and stumbles over it in calls about to begin.
    """
    try:
        yield
    except AttributeError as cause:
        if cause.name != "_transport":
            raise
        raise StreamTerminatedError("the connection was lost before the call began") from cause


async def _send_all(stream: Stream[Any, Any], messages: AsyncIterable[Message]) -> None:
    """Send every message, then say that there are no more."""
    async for message in messages:
        await stream.send_message(message)
    await stream.end()
