"""A port between the adapter and the node that can be cut, as a load balancer that restarts: for websockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Forwarder:
    """Forwards bytes both ways, and counts the connections that were made."""

    def __init__(self, port: int) -> None:
        """Forward to this port of this machine."""
        self.port = 0
        self.connections = 0
        self.is_open = True
        self._upstream = port
        self._writers: set[asyncio.StreamWriter] = set()

    @classmethod
    @asynccontextmanager
    async def before(cls, port: int) -> AsyncIterator["Forwarder"]:
        """Give a forwarder to `port`, listening."""
        forwarder = cls(port)
        server = await asyncio.start_server(forwarder._serve, "127.0.0.1", 0)
        forwarder.port = server.sockets[0].getsockname()[1]
        try:
            yield forwarder
        finally:
            server.close()
            forwarder.cut()

    def cut(self) -> None:
        """Close every connection that there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        self.connections += 1
        if not self.is_open:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._writers |= {writer, there_writer}
        ways = [
            asyncio.create_task(_pass_on(reader, there_writer)),
            asyncio.create_task(_pass_on(there_reader, writer)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        self._writers -= {writer, there_writer}
        for end in (writer, there_writer):
            end.transport.abort()
        await asyncio.gather(*ways)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what is read until there is no more."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        return
