"""Keeping the adapter's queue fed: as many mints under way as fill its lanes and some blocks, and never more.

submit 500 ──▶ queue ──▶ in flight ──▶ in a block ──▶ final ──stream of outcomes──▶ room for the next 500
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from cashback.chain.model import Waiting
from cashback.chain.service.pulse import Pulse
from cashback.minting.model import Cursor
from tests.benchmarks.adapter import Serving

SUBMITTED_AT_ONCE: Final = 500
UNDER_WAY_MAX: Final = 20_000
"""Five blocks of 60M gas until they are final, a lane's calls in flight, and some thousands that wait."""
_SETTLED_WITHIN_S: Final = 120.0


class Feed:
    """Submits mints for as long as asked, and counts what comes back."""

    def __init__(self, serving: Serving, mints: Iterator[Waiting]) -> None:
        """Take the next of `mints` as there is room."""
        self._serving = serving
        self._mints = mints
        self._news = Pulse()
        self.asked: dict[int, Waiting] = {}
        self.settled: set[int] = set()
        """The numbers whose final outcome is a mint."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the queue fed while the block lasts; then return once all of it is final, or the patience ends.

        Raises:
            ExceptionGroup: submitting or watching failed.
        """
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self.watch())
            feeding = tasks.create_task(self._feed(stop))
            yield
            stop.set()
            await feeding
            await self.all_settled()
            watching.cancel()

    async def submit(self, many: int = SUBMITTED_AT_ONCE) -> None:
        """Submit the next `many` mints."""
        batch = list(islice(self._mints, many))
        self.asked |= {mint.number: mint for mint in batch}
        await self._serving.submit(batch)

    async def all_settled(self) -> None:
        """Return once everything that was asked for is final, or the patience ends: `settled` says how it was."""
        try:
            async with asyncio.timeout(_SETTLED_WITHIN_S):
                await self._room(0)
        except TimeoutError:
            pass

    async def _feed(self, stop: asyncio.Event) -> None:
        """Submit whenever there is room."""
        while not stop.is_set():
            await self.submit()
            await self._room(UNDER_WAY_MAX - SUBMITTED_AT_ONCE)

    async def _room(self, under_way_max: int) -> None:
        """Return once no more than so many mints are under way."""
        while len(self.asked) - len(self.settled) > under_way_max:
            await self._news.ticket().wait()

    async def watch(self) -> None:
        """Take note of every outcome."""
        async for batch in self._serving.adapter.watch(Cursor("", 0)):
            self.settled |= {outcome.number for outcome in batch.outcomes if outcome.inclusion is not None}
            self._news.beat()
