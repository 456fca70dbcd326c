"""Forgetting: once an hour, answers that nobody asks for any more go, a batch after the other; nobody waits for it.

    a command's key ──for ever──▶ its fingerprint, who asked, what was ordered, what came of it
    its answer ──30 days──▶ nothing; whoever repeats it is told what stands now

What is not forgotten and why: `rebuilding.KEPT`; and what was done before it was written down what came of it, where
the answer does not begin with that. A release that can tell more again than those who came so far begins anew, once;
two of them side by side go each their own way, and what one has passed the other looks at.
"""

import asyncio
from collections.abc import Collection
from typing import Final

from prometheus_client import Counter

from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.telemetry import logger
from cashback.purchases.store import forgetting as store

EVERY_S: Final = 3_600.0
BATCH: Final = 500
BETWEEN_S: Final = 0.05
"""From one batch to the next: ten thousand a second at most, and others have their turn."""

FORGOTTEN: Final = Counter(
    "cashback_purchases_answers_forgotten_total", "Answers to commands that were forgotten because of their age."
)

log = logger(__name__)


class AnswerForgetter:
    """The loop that forgets; any number may run side by side, and one of them does it."""

    def __init__(self, database: Database, *, keep_days: int, deeds: Collection[str]) -> None:
        """Forget in `database` answers older than that, of the commands that are called so: who can be told again."""
        self._database = database
        self._keep_days = keep_days
        self._deeds = sorted(deeds)

    async def run(self, stop: asyncio.Event) -> None:
        """Forget now and every hour until `stop` is set."""
        while not stop.is_set():
            try:
                await self.forget(stop)
            except Unavailable as cause:
                log.warning("answers.unforgotten", code=cause.code, reason=cause.detail)
            await pause(stop, EVERY_S)

    async def forget(self, stop: asyncio.Event) -> None:
        """Go on through what is old, until `stop` is set; what is done stays done.

        Raises:
            Unavailable: the database does not answer; the next pass finds the rest.
        """
        count = 0
        while not stop.is_set():
            async with self._database.transaction() as tx:
                batch = await store.answers(tx, keep_days=self._keep_days, deeds=self._deeds, limit=BATCH)
            FORGOTTEN.inc(batch.forgotten)
            count += batch.forgotten
            if not batch.looked_at:
                break
            await pause(stop, BETWEEN_S)
        if count:
            log.info("answers.forgotten", answers=count)
