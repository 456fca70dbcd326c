"""`cashback ruleset backtest`: rules tried on what was bought, read by the auditor's role, helped by processes.

this process: cursor, limits, sums ◀── pipes ──▶ workers: what each purchase earns before any limit
"""

import gc
import os
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import msgspec

from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger.model.backtests import PURCHASES_MAX, Backtest, BacktestStory
from cashback.ledger.service.backtesting import Backtests, Reached
from cashback.processes.backtesting.pool import open_pool

WORKERS_MAX: Final = 16
_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decisions are; the role may only read."""

    ledger_audit_dsn: Dsn


async def backtest(settings: Settings, asked: Backtest, *, workers: int | None, reached: Reached) -> BacktestStory:
    """Return what a backtest has found, helped by so many processes; as many as there are cores when None.

    Raises:
        Rejected: what is asked for cannot be tried; the problem says why.
        Unavailable: the database did not answer, or it took too long.
    """
    count = workers or min(os.cpu_count() or 1, WORKERS_MAX)
    earners = asynccontextmanager(partial(open_pool, workers=count))
    dsn = settings.ledger_audit_dsn.value
    async with Database.open(dsn, name="cashback backtest", connections_max=1) as database:
        with _seldom_collected():
            return await Backtests(database, earners=earners).run(asked, most=PURCHASES_MAX, reached=reached)


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles a hundred times less often: decoded chunks are many objects that refer to nothing above them."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
