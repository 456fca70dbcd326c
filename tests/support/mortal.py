"""A gRPC server that can vanish as a killed process does, and the health service beside what it serves."""

from collections.abc import Awaitable, Callable, Collection

from grpclib._typing import IServable
from grpclib.encoding.proto import ProtoCodec
from grpclib.protocol import H2Protocol
from grpclib.server import Server

from cashback.chain.rpc.errors import DetailsCodec
from cashback.wire.grpc.health.v1 import HealthCheckRequest, HealthCheckResponse, HealthCheckResponseServingStatus
from cashback.wire.grpc.health.v1.server import HealthBase


class FakeHealth(HealthBase):
    """The health service beside it, which suffers as it does."""

    def __init__(self, suffer: Callable[[], Awaitable[None]]) -> None:
        """Serve as long as `suffer` lets it."""
        self._suffer = suffer

    async def check(self, message: HealthCheckRequest) -> HealthCheckResponse:
        """Say that calls are taken."""
        del message
        await self._suffer()
        return HealthCheckResponse(status=HealthCheckResponseServingStatus.SERVING)


class MortalServer(Server):
    """A gRPC server that can vanish."""

    def __init__(self, handlers: Collection[IServable]) -> None:
        """Remember every connection from now on."""
        super().__init__(handlers, codec=ProtoCodec(), status_details_codec=DetailsCodec())
        self._connections: list[H2Protocol] = []

    async def kill(self) -> None:
        """Close the port and reset every connection."""
        self.close()
        for connection in self._connections:
            transport = getattr(connection.connection, "_transport", None)
            # A connection that the client has closed already has none any more.
            if transport is not None:
                transport.abort()
        await self.wait_closed()

    def _protocol_factory(self) -> H2Protocol:
        """Note the connection."""
        connection = super()._protocol_factory()
        self._connections.append(connection)
        return connection
