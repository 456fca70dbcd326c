"""A blockchain adapter that says what the test wants said, byte for byte, over real gRPC."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final

from grpclib.const import Cardinality, Handler, Status
from grpclib.encoding.base import CodecBase
from grpclib.exceptions import GRPCError
from grpclib.protocol import H2Protocol
from grpclib.server import Server, Stream

from cashback.chain.rpc.errors import DetailsCodec

HOST: Final = "127.0.0.1"
_SERVICE: Final = "/cashback.chain.v1.ChainAdapterService/"
_CALLS: Final = {
    "SubmitMints": Cardinality.UNARY_UNARY,
    "GetMints": Cardinality.UNARY_UNARY,
    "WatchOutcomes": Cardinality.UNARY_STREAM,
    "GetBalances": Cardinality.UNARY_UNARY,
    "ListMintLogs": Cardinality.UNARY_UNARY,
    "GetStatus": Cardinality.UNARY_UNARY,
    "VerifySignature": Cardinality.UNARY_UNARY,
}


class Bytes(CodecBase):
    """Messages as they travel."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ANN401  # grpclib's own signature
        """Return the message as it is."""
        del message_type
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:  # noqa: ANN401  # grpclib's own signature
        """Return the message as it is."""
        del message_type
        return data


class _Server(Server):
    """A gRPC server that can vanish."""

    async def kill(self) -> None:
        """Close the port and reset every connection."""
        self.close()
        for connection in self._connections:
            transport = getattr(connection.connection, "_transport", None)
            # A connection that the client has closed already has none any more.
            if transport is not None:
                transport.abort()
        await self.wait_closed()

    @cached_property
    def _connections(self) -> list[H2Protocol]:
        """Return every connection so far."""
        return []

    def _protocol_factory(self) -> H2Protocol:
        """Note the connection."""
        connection = super()._protocol_factory()
        self._connections.append(connection)
        return connection


class ScriptedAdapter:
    """Answers each call with `answers[call]`, once for each request; it may hang, refuse, or be down."""

    def __init__(self) -> None:
        """Listen nowhere and know no answer."""
        self.answers: dict[str, bytes] = {}
        self.asked: list[tuple[str, bytes]] = []
        self.is_hanging = False
        self.refusal: Status | GRPCError | None = None
        self.port = 0
        self._server: _Server | None = None

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["ScriptedAdapter"]:
        """Yield an adapter that listens on a free port."""
        adapter = cls()
        await adapter.go_up()
        try:
            yield adapter
        finally:
            await adapter.go_down()

    @property
    def address(self) -> str:
        """Return where it listens, or did."""
        return f"{HOST}:{self.port}"

    async def go_up(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = _Server([self], codec=Bytes(), status_details_codec=DetailsCodec())
        listener = socket.create_server((HOST, self.port))
        self.port = listener.getsockname()[1]
        await self._server.start(sock=listener)

    async def go_down(self) -> None:
        """Stop as a killed process does."""
        server, self._server = self._server, None
        if server is not None:
            await server.kill()

    def __mapping__(self) -> Mapping[str, Handler]:
        """Return the calls, as grpclib asks for them."""
        return {_SERVICE + call: self._handler(call, cardinality) for call, cardinality in _CALLS.items()}

    def _handler(self, call: str, cardinality: Cardinality) -> Handler:
        """Return the handler of one call."""

        async def answer(stream: Stream[Any, Any]) -> None:
            self.asked.append((call, await stream.recv_message() or b""))
            if self.is_hanging:
                await asyncio.get_running_loop().create_future()
            if self.refusal is not None:
                ordered = self.refusal
                raise ordered if isinstance(ordered, GRPCError) else GRPCError(ordered, "as the test ordered")
            await stream.send_message(self.answers[call])

        return Handler(answer, cardinality, bytes, bytes)
