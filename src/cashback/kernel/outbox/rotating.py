"""Rotation: the outbox's partitions of coming days are made in time, and those that are published long ago dropped."""

import psycopg

from cashback.kernel.db import Session


async def rotate(session: Session, schema: str) -> bool:
    """Make the coming days' partitions, drop the old published ones, and tell whether it could: writers go first."""
    try:
        await session.execute(f"select {schema}.rotate_outbox(interval '72 hours')")
    except psycopg.errors.LockNotAvailable:
        return False
    return True


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
