"""The closed loop: whatever an event should have moved and did not, moves anyway.

| swept                                             | because                                                     |
|---------------------------------------------------|-------------------------------------------------------------|
| users with a new wallet                           | what they earned before waits as approved                   |
| approved cashbacks nobody requested               | their event may be lost with the broker's storage           |
| requests whose outcome is overdue                 | request or outcome may be lost; the same bytes go out again |

Each round is bounded, runs beside other sweeps, and repeats nothing.
"""

import asyncio
from contextlib import suppress
from typing import Final

import msgspec
from prometheus_client import Counter

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.kernel.errors import Unavailable
from cashback.kernel.outbox import append
from cashback.kernel.telemetry import logger
from cashback.ledger.rules import backoff
from cashback.ledger.service.requests import MintPolicy, reissued, request_mints
from cashback.ledger.store import sweeps

SWEPT: Final = Counter("ledger_swept_total", "Cashbacks that the sweep moved, by what it found.", ["found"])
USERS_MAX: Final = 100

log = logger(__name__)


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What one round moved: requested for a new wallet, requested though missed, published again."""

    linked: int
    missed: int
    reissued: int


class Sweeper:
    """Sweeps round after round; any number may run at the same time."""

    def __init__(self, database: Database, *, clock: Clock, policy: MintPolicy | None = None) -> None:
        """Sweep nothing yet."""
        self._database = database
        self._clock = clock
        self._policy = policy or MintPolicy()
        self._position = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every `sweep_every_s` until `stop` is set; a database that is down is tried again."""
        while not stop.is_set():
            try:
                await self.round()
            except Unavailable as error:
                log.warning("sweep.postponed", code=error.code, detail=error.detail)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._policy.sweep_every_s)

    async def round(self) -> Swept:
        """Do one bounded round and return what moved.

        Raises:
            Unavailable: the database failed; what the round had done so far stays.
        """
        swept = Swept(linked=await self._linked(), missed=await self._missed(), reissued=await self._overdue())
        for found, count in msgspec.structs.asdict(swept).items():
            SWEPT.labels(found).inc(count)
        if swept.missed or swept.reissued:
            log.info("sweep.moved", linked=swept.linked, missed=swept.missed, reissued=swept.reissued)
        return swept

    async def _linked(self) -> int:
        """Request what had waited for wallets that are known now."""
        now, most = self._clock.now(), self._policy.batch_max
        async with self._database.transaction() as tx:
            users = await sweeps.lock_linked(tx, users=USERS_MAX)
            if not users:
                return 0
            waiting = await sweeps.waiting_of(tx, users, limit=most)
            if len(waiting) < most:
                await sweeps.mark_released(tx, users, at=now)
            return await request_mints(tx, waiting, cause="wallet_linked", now=now, policy=self._policy)

    async def _missed(self) -> int:
        """Request the next stretch of approved cashbacks that have a wallet; start over after the last one."""
        now, most = self._clock.now(), self._policy.batch_max
        async with self._database.transaction() as tx:
            until = now - self._policy.missed_after
            rows = await sweeps.missed(tx, after_position=self._position, until=until, limit=most)
            due = [cashback_id for _, cashback_id, has_wallet in rows if has_wallet]
            count = await request_mints(tx, due, cause="swept", now=now, policy=self._policy) if due else 0
        self._position = rows[-1][0] if len(rows) == most else 0
        return count

    async def _overdue(self) -> int:
        """Publish overdue requests again, each later than the time before."""
        now, policy = self._clock.now(), self._policy
        async with self._database.transaction() as tx:
            overdue = await sweeps.lock_overdue(tx, now=now, limit=policy.batch_max)
            if not overdue:
                return 0
            again = [
                now + backoff(request.reissues + 1, first=policy.reissue_first, longest=policy.reissue_longest)
                for request in overdue
            ]
            await sweeps.postpone(tx, [request.id for request in overdue], again)
            await append(tx, "ledger", [reissued(request, now) for request in overdue])
        return len(overdue)
