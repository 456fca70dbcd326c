"""The closed loop: whatever an event should have moved and did not, moves anyway.

| swept                                             | because                                                     |
|---------------------------------------------------|-------------------------------------------------------------|
| users with a new wallet                           | what they earned before waits as approved                   |
| approved cashbacks nobody requested               | their event may be lost with the broker's storage           |
| requests whose outcome is overdue                 | request or outcome may be lost; the same bytes go out again |

Each round is bounded, runs beside other sweeps, and repeats nothing. What fails for a reason of its own is found by
halving, logged, and left out for a while: it holds up none of the others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from prometheus_client import Counter

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, Unavailable
from cashback.kernel.outbox import append
from cashback.kernel.telemetry import logger
from cashback.ledger.service.requests import MintPolicy, overdue_after, reissued, request_mints
from cashback.ledger.store import sweeps

SWEPT: Final = Counter("cashback_ledger_swept_total", "Cashbacks that the sweep moved, by what it found.", ["found"])
SKIPPED: Final = Counter(
    "cashback_ledger_sweep_skipped_total", "What the sweep left out because it failed alone.", ["found"]
)
USERS_MAX: Final = 100
SKIPPED_MAX: Final = 1_000
"""How many of those it remembers; the oldest is tried again early when there are more."""

Move: TypeAlias = Callable[[Tx, Sequence[str]], Awaitable[int]]
"""Moves what these ids name, as far as it still has to be moved, and returns how many cashbacks did."""

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
        self._skipped: dict[str, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every `sweep_every_s` until `stop` is set; a database that is down is tried again.

        Raises:
            Broken: one of our invariants does not hold.
        """
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
            Broken: one of our invariants does not hold.
        """
        # First, because it draws no numbers: it goes on while these are fenced.
        reissued = await self._overdue()
        SWEPT.labels("reissued").inc(reissued)
        swept = Swept(linked=await self._linked(), missed=await self._missed(), reissued=reissued)
        SWEPT.labels("linked").inc(swept.linked)
        SWEPT.labels("missed").inc(swept.missed)
        if swept.missed or swept.reissued:
            log.info("sweep.moved", linked=swept.linked, missed=swept.missed, reissued=swept.reissued)
        return swept

    async def _linked(self) -> int:
        """Request what had waited for wallets that are known now."""
        async with self._database.transaction() as tx:
            users = await sweeps.linked(tx, besides=self._left_out(), limit=USERS_MAX)
        return await self._move("linked", users, self._release)

    async def _missed(self) -> int:
        """Request the next stretch of approved cashbacks that have a wallet; start over after the last one."""
        now, most = self._clock.now(), self._policy.batch_max
        async with self._database.transaction() as tx:
            until = now - self._policy.missed_after
            rows = await sweeps.missed(tx, after_position=self._position, until=until, limit=most)
        left_out = set(self._left_out())
        due = [cashback_id for _, cashback_id, has_wallet in rows if has_wallet and cashback_id not in left_out]
        count = await self._move("missed", due, self._request)
        self._position = rows[-1][0] if len(rows) == most else 0
        return count

    async def _overdue(self) -> int:
        """Publish overdue requests again, each later than the time before."""
        now, most = self._clock.now(), self._policy.batch_max
        async with self._database.transaction() as tx:
            overdue = await sweeps.overdue(tx, now=now, besides=self._left_out(), limit=most)
        return await self._move("reissued", overdue, self._reissue)

    async def _move(self, found: str, ids: Sequence[str], move: Move) -> int:
        """Move all of these in one transaction; if that fails for a reason of its own, halve down to the one to blame.

        Raises:
            Unavailable: the database failed.
            Broken: one of our invariants does not hold.
        """
        if not ids:
            return 0
        try:
            async with self._database.transaction() as tx:
                return await move(tx, ids)
        except (Unavailable, Broken):
            raise
        except Exception as error:  # noqa: BLE001 - one row may fail in any way, and the sweep outlives it
            if len(ids) == 1:
                self._skip(found, ids[0], error)
                return 0
        middle = len(ids) // 2
        return await self._move(found, ids[:middle], move) + await self._move(found, ids[middle:], move)

    async def _release(self, tx: Tx, user_ids: Sequence[str]) -> int:
        """Request what these users earned before they had a wallet."""
        now, most = self._clock.now(), self._policy.batch_max
        users = await sweeps.lock_linked(tx, user_ids)
        waiting = await sweeps.waiting_of(tx, users, limit=most)
        if len(waiting) < most:
            await sweeps.mark_released(tx, users, at=now)
        return await request_mints(tx, waiting, cause="wallet_linked", now=now, policy=self._policy)

    async def _request(self, tx: Tx, cashback_ids: Sequence[str]) -> int:
        """Request the mints of these."""
        return await request_mints(tx, cashback_ids, cause="swept", now=self._clock.now(), policy=self._policy)

    async def _reissue(self, tx: Tx, cashback_ids: Sequence[str]) -> int:
        """Publish the requests of these again."""
        now = self._clock.now()
        overdue = await sweeps.lock_overdue(tx, cashback_ids, now=now)
        again = [now + overdue_after(request.id, request.reissues + 1, self._policy) for request in overdue]
        await sweeps.postpone(tx, [request.id for request in overdue], again)
        await append(tx, "ledger", [reissued(request, now) for request in overdue])
        return len(overdue)

    def _skip(self, found: str, id_: str, error: Exception) -> None:
        """Leave out for a while what failed alone; if too many are, the oldest is tried again early."""
        SKIPPED.labels(found).inc()
        log.error("sweep.skipped", found=found, id=id_, exc_info=error)
        self._skipped[id_] = self._clock.now() + self._policy.skip_for
        if len(self._skipped) > SKIPPED_MAX:
            del self._skipped[next(iter(self._skipped))]

    def _left_out(self) -> list[str]:
        """Return what is left out at present, and forget what no longer is."""
        now = self._clock.now()
        self._skipped = {id_: until for id_, until in self._skipped.items() if until > now}
        return list(self._skipped)
