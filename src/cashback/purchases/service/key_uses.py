"""When keys were used: noted in memory as they let somebody in, and written down once a minute.

    a request ──▶ a key and an instant, in memory ──once a minute, and at the end──▶ one statement for all of them
                                                   └── nothing was used ──▶ nothing is asked of the database

No request waits for it, and none fails of it. What could not be written is written the next time. A process that is
killed loses what it has noted since it wrote the last time: a minute, where there was a database. Any number of
processes do so side by side: an instant only moves forward, whoever writes last.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from cashback.kernel.clock import Clock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.telemetry import logger
from cashback.purchases.store import api_keys as store

EVERY_S: Final = 60.0
KEYS_MAX: Final = 10_000
"""So many keys are noted until they are written; of what else is used meanwhile nothing is, and a log says so."""

LAST_WITHIN_S: Final = 0.25
"""So long a process that ends waits for the database: of its grace, requests may have taken all but that."""

log = logger(__name__)


class KeyUses:
    """Notes which keys were used, and writes that down."""

    def __init__(self, database: Database, *, clock: Clock, every_s: float = EVERY_S) -> None:
        """Write to `database`, by the same clock as all that is told of keys."""
        self._database = database
        self._clock = clock
        self._every_s = every_s
        self._noted_s: dict[str, float] = {}
        self._left_out = 0

    def note(self, key_id: str, at_s: float) -> None:
        """Note that a key let somebody in, at a monotonic instant (s); nothing is asked of anybody."""
        if key_id in self._noted_s or len(self._noted_s) < KEYS_MAX:
            self._noted_s[key_id] = at_s
        else:
            self._left_out += 1

    async def run(self, stop: asyncio.Event) -> None:
        """Write every minute until `stop` is set; what is noted behind the last time is for `end`."""
        while not stop.is_set():
            await pause(stop, self._every_s)
            if not stop.is_set():
                await self._try()

    async def end(self) -> None:
        """Write what is noted, once nobody is let in any more; it is lost where the database does not take it."""
        try:
            with suppress(TimeoutError, Unavailable):
                async with asyncio.timeout(LAST_WITHIN_S):
                    await self.write()
        finally:
            # Whatever kept it, the end of our own patience or of the process's.
            if self._noted_s:
                log.warning("key_uses.lost", keys=len(self._noted_s))

    async def write(self) -> None:
        """Write down what is noted, and forget it; where nothing is, nothing is asked.

        Raises:
            DatabaseUnavailable: it is noted still.
        """
        if self._left_out:
            log.warning("key_uses.left_out", requests=self._left_out, keys_max=KEYS_MAX)
            self._left_out = 0
        noted_s = dict(self._noted_s)
        if not noted_s:
            return
        now, now_s = self._clock.now(), monotonic_s()
        async with self._database.transaction() as tx:
            await store.take_turns_at_uses(tx)
            await store.note_uses(tx, {id_: now - timedelta(seconds=now_s - at_s) for id_, at_s in noted_s.items()})
        for id_, at_s in noted_s.items():
            # What was used again meanwhile is written the next time.
            if self._noted_s.get(id_) == at_s:
                del self._noted_s[id_]

    async def _try(self) -> None:
        """Write down what is noted, or have it stay noted and say why."""
        try:
            await self.write()
        except Unavailable as cause:
            log.warning("key_uses.postponed", keys=len(self._noted_s), code=cause.code, reason=cause.detail)
        except Exception:  # the API outlives it, and goes on letting keys in
            log.exception("key_uses.not_written", keys=len(self._noted_s))
