"""A collector that takes everything and keeps nothing, so that exporting to it costs only who exports.

`python -m tests.benchmarks.sink PORT`; a GET is answered with how many bytes of spans were taken so far.
"""

import asyncio
import sys

HOST = "127.0.0.1"


class Sink:
    """Counts what is posted."""

    def __init__(self) -> None:
        """Have taken nothing yet."""
        self.taken_bytes = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, until it is closed."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
                length = int(fields.get(b"content-length", 0))
                await reader.readexactly(length)
                self.taken_bytes += length
                body = b"{}" if length else str(self.taken_bytes).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                    % (len(body), body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(port: str) -> None:
    """Serve until killed."""
    async with await asyncio.start_server(Sink().serve, HOST, int(port)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
