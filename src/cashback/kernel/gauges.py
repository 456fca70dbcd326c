"""Gauges of what a database knows: asked every few seconds by whoever shows them, whoever wrote it.

    rows ──one bounded read──▶ what is so now ──▶ gauge          the database is lost ──▶ unknown

A gauge that is set by whoever does the work shows what its own process did last: nothing after a restart, and what is
no longer so once another process goes on with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.telemetry import logger

LOOK_EVERY_S: Final = 5.0
WITHIN_S: Final = 5.0
"""A database that stands still is as good as away: what was so half a minute ago would be shown meanwhile."""

UNKNOWN: Final = float("nan")
"""What a gauge shows while nobody can tell: no comparison of an alert's is true of it, and `max` passes over it."""

GRACE_S: Final = 0.5

T = TypeVar("T")

log = logger(__name__)


class Gauges(Generic[T]):
    """A loop that has some gauges say what is so."""

    def __init__(
        self,
        database: Database,
        *,
        name: str,
        read: Callable[[Tx], Awaitable[T]],
        show: Callable[[T | None], None],
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        """Have `show` set the gauges to what `read` returns, every `every_s` seconds; None is that nobody knows.

        `name` is what the log calls them by.
        """
        self._database = database
        self._name = name
        self._read = read
        self._show = show
        self._every_s = every_s
        self._is_known = True

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set; while the database is away the gauges say that they do not know."""
        while not stop.is_set():
            await until_stopped(self.look(), stop, grace_s=GRACE_S)
            await pause(stop, self._every_s)

    async def look(self) -> None:
        """Look once, now."""
        try:
            seen = await self._seen()
        except Unavailable as cause:
            self._show(None)
            if self._is_known:
                log.warning("gauges.unknown", gauges=self._name, code=cause.code, detail=cause.detail)
            self._is_known = False
            return
        self._is_known = True
        self._show(seen)

    async def _seen(self) -> T:
        """Return what is so now.

        Raises:
            Unavailable: the database did not answer in time.
        """
        try:
            async with asyncio.timeout(WITHIN_S), self._database.transaction() as tx:
                return await self._read(tx)
        except TimeoutError as cause:
            raise DatabaseUnavailable(f"no answer within {WITHIN_S:g} s") from cause
