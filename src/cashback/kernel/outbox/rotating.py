"""Rotation: the outbox's partitions of coming days are made in time, and those that are published long ago dropped.

    coming day ──made beside, attached──▶ written ──cursors beyond its last rows──▶ published ──72 h──▶ dropped

Making and looking lock out no writer. Dropping does, for itself alone; it gives up after half a second, and is tried
again. Nothing here may cost a drainer its lanes, which it does not prolong meanwhile: the whole has `WITHIN_S`.
"""

from typing import Final

import psycopg

from cashback.kernel.db import Session

WITHIN_S: Final = 1.5
"""Of a lease of 3 s that is prolonged each second."""

STATEMENTS: Final = 5
"""Round trips of a rotation and the question after it."""


async def rotate(session: Session, schema: str) -> bool:
    """Make the coming days' partitions, drop the old published ones, and tell whether it could: writers go first."""
    try:
        async with session.transaction():
            await session.execute(f"set local statement_timeout = '{WITHIN_S:g}s'")
            cursor = await session.execute(f"select {schema}.rotate_outbox(interval '72 hours')")
            ((dropped,),) = await cursor.fetchall()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected):
        return False
    return dropped is not None


async def days_ahead(session: Session, schema: str) -> int:
    """Return for how many days after today there is a partition, so long do appends work without another rotation."""
    cursor = await session.execute(
        """
        select coalesce(max(to_date(right(relname, 8), 'YYYYMMDD')) - (now() at time zone 'utc')::date, -1)
        from pg_inherits
        join pg_class on pg_class.oid = inhrelid
        where inhparent = %(outbox)s::regclass
        """,
        {"outbox": f"{schema}.outbox_events"},
    )
    ((days,),) = await cursor.fetchall()
    return int(days)
