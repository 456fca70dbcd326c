"""`cashback decisions replay`: every stored decision decided anew, read by the auditor's role."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger.model.replays import Replayed
from cashback.ledger.service import Replays


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the decisions are; the role may only read."""

    ledger_audit_dsn: Dsn


async def replay(settings: Settings, *, since: datetime | None, reached: Callable[[int], None]) -> Replayed:
    """Return what replaying all decisions since an instant has found.

    Raises:
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback decisions", connections_max=1) as database:
        return await Replays(database).run(since=since, reached=reached)


async def replay_one(settings: Settings, cashback_id: str) -> Replayed:
    """Return what replaying the decisions of one cashback has found.

    Raises:
        CashbackUnknown: there is no such cashback.
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback decisions", connections_max=1) as database:
        return await Replays(database).of_cashback(cashback_id)
