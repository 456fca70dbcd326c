"""Forgetting: once an hour, what ended long ago goes, a batch after the other; nobody waits for it.

    delivered │ failed ──30 days──▶ no row, nor of its tries          the journal ──2 years──▶ no row
         └── made again: kept as long as its youngest repetition
    the log of events ──30 days──▶ no row

That an event was taken in stays in the inbox for ever (I5), so what is forgotten here is not delivered again, however
often it comes: it is only told no more, and can be repeated no more.
"""

import asyncio
from typing import Final

import msgspec

from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.telemetry import logger
from cashback.webhooks.service import metrics
from cashback.webhooks.store import forgetting as store

EVERY_S: Final = 3_600.0
BATCH: Final = 500
BETWEEN_S: Final = 0.05
"""From one batch to the next: ten thousand a second at most, and others have their turn."""

log = logger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How long things are kept: deliveries since they ended, events since they happened, lines of the journal."""

    deliveries_days: int
    events_days: int
    journal_days: int


class Forgetter:
    """The loop that forgets; any number may run side by side."""

    def __init__(self, database: Database, kept: Kept) -> None:
        """Forget in `database` what is older than `kept` has it."""
        self._database = database
        self._kept = kept

    async def run(self, stop: asyncio.Event) -> None:
        """Forget now and every hour until `stop` is set."""
        while not stop.is_set():
            try:
                await self.forget(stop)
            except Unavailable as cause:
                log.warning("webhooks.unforgotten", code=cause.code, reason=cause.detail)
            await pause(stop, EVERY_S)

    async def forget(self, stop: asyncio.Event) -> None:
        """Go once through what is old, until `stop` is set; what is done stays done.

        Raises:
            Unavailable: the database does not answer; the next pass finds the rest.
        """
        deliveries = await self._deliveries(stop)
        events = await self._events(stop)
        lines = await self._journal(stop)
        if deliveries or events or lines:
            log.info("webhooks.forgotten", deliveries=deliveries, events=events, journal_lines=lines)

    async def _deliveries(self, stop: asyncio.Event) -> int:
        """Forget deliveries with their tries, and return how many."""
        count, place = 0, None
        while not stop.is_set():
            async with self._database.transaction() as tx:
                forgotten, place = await store.deliveries(
                    tx, keep_days=self._kept.deliveries_days, after=place, limit=BATCH
                )
            metrics.forgotten.labels("delivery").inc(forgotten)
            count += forgotten
            if place is None:
                break
            await pause(stop, BETWEEN_S)
        return count

    async def _events(self, stop: asyncio.Event) -> int:
        """Forget events, and return how many."""
        count, place = 0, None
        while not stop.is_set():
            async with self._database.transaction() as tx:
                forgotten, place = await store.events(tx, keep_days=self._kept.events_days, after=place, limit=BATCH)
            metrics.forgotten.labels("event").inc(forgotten)
            count += forgotten
            if place is None:
                break
            await pause(stop, BETWEEN_S)
        return count

    async def _journal(self, stop: asyncio.Event) -> int:
        """Forget lines of the journal, and return how many."""
        count = 0
        while not stop.is_set():
            async with self._database.transaction() as tx:
                forgotten = await store.journal(tx, keep_days=self._kept.journal_days, limit=BATCH)
            metrics.forgotten.labels("journal_line").inc(forgotten)
            count += forgotten
            if not forgotten:
                break
            await pause(stop, BETWEEN_S)
        return count
