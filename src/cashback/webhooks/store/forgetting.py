"""What is old goes, in batches, by functions that take away nothing younger than they may."""

from datetime import datetime

import msgspec

from cashback.kernel.db import Tx


class Place(msgspec.Struct, frozen=True):
    """Where a pass through what is old has come to."""

    at: datetime
    id: str


async def deliveries(tx: Tx, *, keep_days: int, after: Place | None, limit: int) -> tuple[int, Place | None]:
    """Forget up to `limit` deliveries that ended so long ago, and return how many and where to go on; None at the end.

    Their tries go with them. One that was made again is kept as long as any of its repetitions.

    Raises:
        psycopg.errors.CheckViolation: less than a week would be kept.
    """
    cursor = await tx.execute(
        """
        select forgotten, after_ended, after_id
        from webhooks.forget_deliveries(
            make_interval(days => %(keep_days)s), %(limit)s, coalesce(%(ended_at)s::timestamptz, '-infinity'), %(id)s
        )
        """,
        {
            "keep_days": keep_days,
            "limit": limit,
            "ended_at": None if after is None else after.at,
            "id": "" if after is None else after.id,
        },
    )
    ((forgotten, ended_at, id_),) = await cursor.fetchall()
    return int(forgotten), None if id_ is None else Place(ended_at, id_)


async def events(tx: Tx, *, keep_days: int, after: Place | None, limit: int) -> tuple[int, Place | None]:
    """Forget up to `limit` events that happened so long ago, and return how many and where to go on; None at the end.

    Raises:
        psycopg.errors.CheckViolation: less than a week would be kept.
    """
    cursor = await tx.execute(
        """
        select forgotten, after_occurred, after_id
        from webhooks.forget_events(
            make_interval(days => %(keep_days)s), %(limit)s, coalesce(%(at)s::timestamptz, '-infinity'), %(id)s
        )
        """,
        {
            "keep_days": keep_days,
            "limit": limit,
            "at": None if after is None else after.at,
            "id": "" if after is None else after.id,
        },
    )
    ((forgotten, at, id_),) = await cursor.fetchall()
    return int(forgotten), None if id_ is None else Place(at, id_)


async def journal(tx: Tx, *, keep_days: int, limit: int) -> int:
    """Forget up to `limit` lines of the endpoints' journal that were written so long ago, and return how many.

    Raises:
        psycopg.errors.CheckViolation: less than a year would be kept.
    """
    cursor = await tx.execute(
        """
        select webhooks.forget_journal(make_interval(days => %(keep_days)s), %(limit)s)
        """,
        {"keep_days": keep_days, "limit": limit},
    )
    ((forgotten,),) = await cursor.fetchall()
    return int(forgotten)
