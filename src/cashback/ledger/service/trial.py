"""The books as a whole: the trial balance, and every balance computed anew from the transfers, once a night.

due? ──▶ a stretch of accounts, one snapshot ──▶ balance = sum of entries = balance after the last? ──▶ next stretch
                                                                  └─▶ log                    at the end: its row
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, long_statements
from cashback.kernel.telemetry import logger
from cashback.ledger.model.trial import AccountSum, Recomputed, TrialBalance
from cashback.ledger.rules.statements import check_instant
from cashback.ledger.rules.trial import difference_of, is_due, trial_of
from cashback.ledger.service.leased import Fence
from cashback.ledger.store import trial as store

LEASE: Final = "recomputer"
STRETCH: Final = 2_000
"""Accounts computed in one statement."""

STRETCH_S_MAX: Final = 600

log = logger(__name__)


async def trial_balance(database: Database, *, at: datetime | None, within_s: int) -> TrialBalance:
    """Return the trial balance: as the accounts stand, or as known at an instant, computed from all transfers.

    Raises:
        PeriodInvalid: the instant lacks its offset.
        Unavailable: the database did not answer within `within_s` seconds.
    """
    if at is not None:
        check_instant(at, parameter="at")
        at = at.astimezone(UTC)
    async with database.transaction() as tx, long_statements(tx, within_s=within_s):
        return trial_of(await store.sums(tx) if at is None else await store.sums_at(tx, at), at=at)


class Recomputer:
    """Computes every balance anew; by itself once a day, or at once when a person says so."""

    def __init__(self, database: Database, *, clock: Clock, by: str, hour: int = 3) -> None:
        """Compute over `database` in the name of `by`, from `hour` o'clock on (UTC)."""
        self._database = database
        self._clock = clock
        self._by = by
        self._hour = hour
        self._token = 0
        self._run: Recomputed | None = None
        self._after = 0

    async def turn(self, fence: Fence) -> bool:
        """Compute one stretch if it is time, and tell whether there is more to do at once.

        Raises:
            Unavailable: the database did not answer, or the lease is lost; another worker begins anew.
        """
        if self._token != fence.token:
            # Whoever had the lease in between may have computed them all.
            self._token = fence.token
            self._forget()
        if self._run is None and not await self._is_due():
            return False
        return await self._step(fence) is None

    async def recompute(self, reached: Callable[[int], None] = lambda _: None) -> Recomputed:
        """Compute all balances now and return what came of it; `reached` hears how many accounts are done.

        Raises:
            Unavailable: the database did not answer; nothing was recorded.
        """
        self._forget()
        while True:
            done = await self._step(None)
            if done is not None:
                return done
            reached(self._run.accounts if self._run else 0)

    def _forget(self) -> None:
        """Begin anew with the next step."""
        self._run = None

    async def _is_due(self) -> bool:
        """Tell whether it is time."""
        async with self._database.transaction() as tx:
            last = await store.last_began_at(tx)
        return is_due(self._clock.now(), last_began_at=last, hour=self._hour)

    async def _step(self, fence: Fence | None) -> Recomputed | None:
        """Compute the next stretch; return the whole run when that was the last, stored and told."""
        if self._run is None:
            now, self._after = self._clock.now(), 0
            self._run = Recomputed(
                by=self._by, began_at=now, ended_at=now, accounts=0, entries=0, differences=0, first_difference=None
            )
        async with self._database.transaction() as tx, long_statements(tx, within_s=STRETCH_S_MAX):
            accounts = await store.stretch(tx, after=self._after, limit=STRETCH)
        self._run = _with(self._run, accounts, ended_at=max(self._clock.now(), self._run.began_at))
        if len(accounts) == STRETCH:
            self._after = accounts[-1].number
            return None
        done, self._run = self._run, None
        async with self._database.transaction() as tx:
            if fence is not None:
                await fence.keep(tx)
            await store.insert(tx, done)
        _tell(done)
        return done


def _with(run: Recomputed, accounts: list[AccountSum], *, ended_at: datetime) -> Recomputed:
    """Return a run with one more stretch."""
    differing = [account for account in accounts if not account.is_proved]
    first = run.first_difference or (difference_of(differing[0]) if differing else None)
    return Recomputed(
        by=run.by,
        began_at=run.began_at,
        ended_at=ended_at,
        accounts=run.accounts + len(accounts),
        entries=run.entries + sum(account.entries for account in accounts),
        differences=run.differences + len(differing),
        first_difference=first,
    )


def _tell(run: Recomputed) -> None:
    """Say what a run came to, and sound the alarm when a balance is not what its entries say."""
    if run.differences:
        log.critical("books.differ", differences=run.differences, first=run.first_difference)
    else:
        log.info("books.recomputed", accounts=run.accounts, entries=run.entries)
