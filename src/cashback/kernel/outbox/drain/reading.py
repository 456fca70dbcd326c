"""Reading the outbox: what comes next on the lanes held, in the order of its commits, and as messages."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.bus import Message, Parcel, event_message, pack
from cashback.kernel.db import Session
from cashback.kernel.outbox.lanes import Lane

BATCH_MAX: Final = 500
BYTES_MAX: Final = 4 * 1024**2
"""Of data read at once; four times of it is held at most: as rows and as frames, on their way and read ahead."""

ROW_BYTES_MAX: Final = 65_536
"""Of one event's data: constraint outbox_data_bounded."""


class Row(msgspec.Struct, frozen=True):
    """One stored event as the outbox has it."""

    partition: int
    position: int
    event_id: str
    type: str
    source: str
    key: str
    time: datetime
    data: bytes
    traceparent: str | None
    version: int


class Batch(msgspec.Struct, frozen=True):
    """What was read at once, and the parcels that publish it."""

    rows: Sequence[Row] = ()
    parcels: Sequence[Parcel] = ()


def to_batch(rows: Sequence[Row]) -> Batch:
    """Return what was read, ready to be published: all that is left to do then is to send it."""
    return Batch(rows, list(pack([to_message(row) for row in rows])))


async def go_by_index(session: Session) -> None:
    """Have `pending` go along the index on `session`, whatever PostgreSQL believes of the table.

    A day that is new has no statistics and is taken for small: then everything that waits in it is fetched and sorted
    for each batch anew. Plans for ever (`plan_cache_mode`) would do as well and are not cheaper: a session that never
    planned anew gives its memory back after each statement, and has it again page by page.
    """
    await session.execute("select set_config('enable_sort', 'off', false)")


async def pending(session: Session, *, schema: str, lanes: Sequence[Lane], limit: int) -> list[Row]:
    """Return at most `limit` events with `BYTES_MAX` of data: the first, in position order, after those of `lanes`.

    One ordered and limited branch per lane, merged: PostgreSQL then reads no row that it does not return. It adds the
    sizes up before it unfolds what is stored aside, so that no large body is read that does not fit. `go_by_index`
    comes before the first on a session.
    """
    branches = " union all ".join(
        f"""
        (select partition, position, event_id, type, source, key, time, data, traceparent, version
        from {schema}.outbox_events
        where partition = {lane.partition:d}
          and position > %(after_{lane.partition:d})s
        order by position
        limit %(limit)s)
        """
        for lane in lanes
    )
    cursor = await session.execute(
        f"""
        select partition, position, event_id, type, source, key, time, data, traceparent, version
        from (
            select *, sum(octet_length(data)) over (order by position rows unbounded preceding) as size
            from (select * from ({branches}) as every order by position limit %(limit)s) as ahead
        ) as sized
        where size <= %(bytes_max)s
        order by position
        """,
        {"limit": limit, "bytes_max": BYTES_MAX, **{f"after_{lane.partition:d}": lane.position for lane in lanes}},
        binary=True,
        prepare=True,
    )
    return [Row(*row) for row in await cursor.fetchall()]


def is_full(rows: Sequence[Row]) -> bool:
    """Tell whether more may be there than was read: the count, or the room for one more event, is used up.

    >>> is_full([])
    False
    """
    return len(rows) == BATCH_MAX or sum(len(row.data) for row in rows) > BYTES_MAX - ROW_BYTES_MAX


def to_message(row: Row) -> Message:
    """Return a stored event as the message that publishes it."""
    return event_message(
        id=row.event_id,
        type=row.type,
        source=row.source,
        key=row.key,
        time=row.time,
        traceparent=row.traceparent,
        version=row.version,
        partition=row.partition,
        data=row.data,
    )
