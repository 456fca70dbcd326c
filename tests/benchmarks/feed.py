"""Mints for the adapter, in one of two ways, and the stream of outcomes that says when each is done with.

full     as many under way as fill its lanes and some blocks, and never more: whenever outcomes make room, 500 more
paced    what is due at a fixed pace, as soon as it is: one at a time unless the call before took longer than that
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count, islice
from typing import Final, TypeAlias

from cashback.chain.model import Waiting
from cashback.chain.service.pulse import Pulse
from cashback.kernel.clock import monotonic_s
from cashback.kernel.lifecycle.stopping import pause
from cashback.minting.model import AdapterUnavailable, Cursor
from tests.benchmarks.adapter import Serving

SUBMITTED_AT_ONCE: Final = 500
UNDER_WAY_MAX: Final = 20_000
"""Five blocks of 60M gas until they are final, a lane's calls in flight, and some thousands that wait."""
_SETTLED_WITHIN_S: Final = 120.0
_TRY_AGAIN_S: Final = 0.05

Way: TypeAlias = Callable[[asyncio.Event], Awaitable[None]]
"""Submits until told to stop."""


class Feed:
    """Submits mints for as long as asked, and takes note of what comes back; an adapter that is down is asked again."""

    def __init__(self, serving: Serving, mints: Iterator[Waiting]) -> None:
        """Take the next of `mints` as they are due."""
        self._serving = serving
        self._mints = mints
        self._news = Pulse()
        self.asked: dict[int, Waiting] = {}
        self.settled: set[int] = set()
        """The numbers whose final outcome is a mint."""
        self.settled_at_s: dict[int, float] = {}
        """When the last outcome of each block arrived, by the monotonic clock."""

    @asynccontextmanager
    async def running(self, way: Way) -> AsyncIterator[None]:
        """Submit in that way while the block lasts; then return once all of it is final, or the patience ends.

        Raises:
            ExceptionGroup: submitting or watching failed.
        """
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch())
            feeding = tasks.create_task(_awaited(way(stop)))
            yield
            stop.set()
            await feeding
            with suppress(TimeoutError):
                async with asyncio.timeout(_SETTLED_WITHIN_S):
                    await self._room(0)
            watching.cancel()

    async def full(self, stop: asyncio.Event) -> None:
        """Submit whenever there is room."""
        while not stop.is_set():
            await self._submit(self._next(SUBMITTED_AT_ONCE))
            await self._room(UNDER_WAY_MAX - SUBMITTED_AT_ONCE)

    def so_many(self, many: int) -> Way:
        """Return the way that submits so many as fast as they are taken, whenever it is told to stop."""

        async def submit(stop: asyncio.Event) -> None:
            """Submit them."""
            del stop
            for start in range(0, many, SUBMITTED_AT_ONCE):
                await self._submit(self._next(min(SUBMITTED_AT_ONCE, many - start)))

        return submit

    def paced(self, per_second: float) -> Way:
        """Return the way that submits so many a second, as the mint worker does: what came during a call goes next."""

        async def submit(stop: asyncio.Event) -> None:
            """Submit what is due."""
            began_s = monotonic_s()
            for place in count(1):
                await pause(stop, max(began_s + place / per_second - monotonic_s(), 0))
                if stop.is_set():
                    return
                due = int((monotonic_s() - began_s) * per_second) - len(self.asked)
                if due > 0:
                    await self._submit(self._next(min(due, SUBMITTED_AT_ONCE)))

        return submit

    def _next(self, many: int) -> list[Waiting]:
        """Return the next mints, which are asked for from now on."""
        batch = list(islice(self._mints, many))
        self.asked |= {mint.number: mint for mint in batch}
        return batch

    async def _submit(self, batch: list[Waiting]) -> None:
        """Submit until the adapter has answered."""
        while True:
            try:
                return await self._serving.submit(batch)
            except AdapterUnavailable:
                await pause(asyncio.Event(), _TRY_AGAIN_S)

    async def _room(self, under_way_max: int) -> None:
        """Return once no more than so many mints are under way."""
        while len(self.asked) - len(self.settled) > under_way_max:
            await self._news.ticket().wait()

    async def _watch(self) -> None:
        """Take note of every outcome, over as many connections as that takes."""
        cursor = Cursor("", 0)
        while True:
            with suppress(AdapterUnavailable):
                async for batch in self._serving.adapter.watch(cursor):
                    for outcome in batch.outcomes:
                        cursor = Cursor(batch.epoch, outcome.sequence)
                        if outcome.inclusion is not None:
                            self.settled.add(outcome.number)
                            self.settled_at_s[outcome.inclusion.block_number] = monotonic_s()
                    self._news.beat()
            await pause(asyncio.Event(), _TRY_AGAIN_S)


async def _awaited(work: Awaitable[None]) -> None:
    """Await; a task wants a coroutine."""
    await work
