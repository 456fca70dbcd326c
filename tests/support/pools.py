"""Pools whose connections somebody else has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cashback.kernel.db import Database


@asynccontextmanager
async def holding(database: Database) -> AsyncIterator[None]:
    """Hold a connection, as another request would, in a task of its own."""
    held, released = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        """Hold it."""
        async with database.transaction():
            held.set()
            await released.wait()

    task = asyncio.create_task(hold())
    await held.wait()
    try:
        yield
    finally:
        released.set()
        await task
