"""A server of our own around a few lines of ASGI, in this process: for what the edge does before any application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cashback.kernel.lifecycle.probe import serve_asgi
from cashback.processes.embedded import HOST, free_port
from tests.support.facts import eventually


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:  # noqa: ANN401  # ASGI's types
    """Give the port at which it answers, until the block ends."""
    port, stop = free_port(), asyncio.Event()
    task = asyncio.create_task(serve_asgi(app, host=HOST, port=port, setting="TEST", stop=stop))
    yield port
    stop.set()
    await task


@asynccontextmanager
async def counting(*, answer: bytes = b"") -> AsyncIterator[tuple[int, list[int]]]:
    """Give the port of a server that answers so, and the bytes of each body that it has read whole."""
    whole = list[int]()

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Read a body to its end."""
        size, has_more = 0, True
        while has_more:
            message = await receive()
            if message["type"] != "http.request":
                return
            size, has_more = size + len(message["body"]), message.get("more_body", False)
        whole.append(size)
        status, length = (200, str(len(answer)).encode()) if answer else (204, b"")
        headers = [(b"content-length", length)] if answer else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async with serving(app) as port:
        yield port, whole


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection once the server listens."""

    async def opened() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return it, None where nobody listens yet."""
        try:
            return await asyncio.open_connection(HOST, port)
        except OSError:
            return None

    return await eventually(opened, within_s=10, what="the server listens")
