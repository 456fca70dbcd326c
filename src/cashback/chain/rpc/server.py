"""The gRPC server's life: listening, draining, closed.

listening ──stop──▶ draining: health says NOT_SERVING, streams end, new calls are refused, calls in flight finish
                        └──nothing in flight, or 2 s──▶ connections are closed
"""

import asyncio
import ssl
from typing import Final
from weakref import WeakSet

import msgspec
from grpclib.encoding.proto import ProtoCodec
from grpclib.events import RecvRequest, listen
from grpclib.protocol import H2Protocol
from grpclib.server import Server

from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.anchoring import AnchorCalls
from cashback.chain.rpc.callers import Callers
from cashback.chain.rpc.calls import Calls, Services
from cashback.chain.rpc.edge import Edge
from cashback.chain.rpc.errors import DetailsCodec
from cashback.chain.rpc.health import Health
from cashback.chain.rpc.reflection import Reflection
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle import taking
from cashback.kernel.telemetry import logger

DRAIN_S: Final = 2.0

log = logger(__name__)


class ServerNotReady(Unavailable):
    """The gRPC server is not listening, or it is draining."""

    code = "server_not_ready"


class Door(msgspec.Struct, frozen=True):
    """Who is let in, and how certificates are asked for; without `tls` nobody has one."""

    callers: Callers
    tls: ssl.SSLContext | None = None


OPEN: Final = Door(Callers(is_open=True))


class ClosingServer(Server):
    """A server that can end its clients' connections: grpclib's own waits until they go by themselves."""

    def __init__(self, *handlers: Calls | Administration | AnchorCalls | Health | Reflection) -> None:
        """Serve these."""
        super().__init__(list(handlers), codec=ProtoCodec(), status_details_codec=DetailsCodec())
        self._protocols: WeakSet[H2Protocol] = WeakSet()

    def _protocol_factory(self) -> H2Protocol:
        """Return the protocol of one new connection, and remember it."""
        protocol = super()._protocol_factory()
        self._protocols.add(protocol)
        return protocol

    def end_connections(self) -> None:
        """Close what is still open; calls in flight are cancelled."""
        for protocol in list(self._protocols):
            if hasattr(protocol, "connection"):
                protocol.connection.close()


class AdapterServer:
    """Serves the adapter's gRPC interface on one address."""

    def __init__(
        self, *, host: str, port: int, services: Services, administration: Administration, door: Door = OPEN
    ) -> None:
        """Serve on `host:port` once run, in plain text to everybody unless a `door` is given."""
        self._address = (host, port)
        self._door = door
        self._services = services
        self._administration = administration
        self._is_serving = False

    async def check(self) -> None:
        """Return when calls are taken.

        Raises:
            ServerNotReady: not yet, or not any more.
        """
        if not self._is_serving:
            raise ServerNotReady("the gRPC server does not take calls")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain.

        Raises:
            CannotListen: the port is taken.
        """
        edge = Edge(self._door.callers)
        calls = Calls(self._services, stop=stop)
        server = ClosingServer(
            calls, self._administration, AnchorCalls(self._services.anchors), Health(stop), Reflection()
        )
        listen(server, RecvRequest, edge.wrap)
        host, port = self._address
        with taking(host, port, setting="ADAPTER"):
            await server.start(host, port, ssl=self._door.tls)
        log.info("server.started", host=host, port=port, is_tls=self._door.tls is not None)
        self._is_serving = True
        try:
            await stop.wait()
            self._is_serving = False
            await edge.drain(DRAIN_S)
        finally:
            server.close()
            server.end_connections()
        log.info("server.drained", left=edge.in_flight)
