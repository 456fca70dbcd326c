"""Replay from the outbox: what was published is published once more, after the broker has lost it.

The outbox keeps a day's rows for 72 hours after all of them were published, however late that was. What lies beyond the
cursors is left to the drainer.
Event ids stay, so consumers that applied an event skip it; message ids are new, so the broker takes it.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import msgspec

from cashback.kernel.bus import Bus, Message, publish
from cashback.kernel.bus.message import new_token
from cashback.kernel.bus.replay import Progress
from cashback.kernel.db import Database
from cashback.kernel.outbox.drain import BATCH_MAX, Row, to_message
from cashback.kernel.outbox.lanes import Lane


async def replay_outbox(
    database: Database,
    bus: Bus,
    *,
    schema: str,
    since: datetime | None = None,
    types: tuple[str, ...] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> int:
    """Publish the kept and already published events of one outbox again, each aggregate's in order; return how many.

    `since` leaves out events that happened before it, `types` all other types; `dry_run` only counts. Repeating it is
    safe and applies nothing twice. The streams are created when they are missing.

    Raises:
        BusUnavailable: the broker went away on the way; repeat it.
        DatabaseUnavailable: the database did.
    """
    run = new_token()
    if not dry_run:
        await bus.apply_streams()
    lanes, total = await _published(database, schema=schema, since=since, types=types)
    done = 0
    for lane in lanes:
        async for rows in _pages(database, lane, schema=schema, since=since, types=types):
            if not dry_run:
                await publish(bus, [_again(row, run=run) for row in rows])
            done += len(rows)
            if progress is not None:
                progress(done, total)
    return done


async def count_outbox(
    database: Database, *, schema: str, since: datetime | None = None, types: tuple[str, ...] = ()
) -> dict[str, int]:
    """Return how many events of each type a replay of one outbox would publish.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    async with database.transaction() as tx:
        cursor = await tx.execute(
            f"""
            select event.type, count(*)
            from {schema}.outbox_cursors as lane
            join {schema}.outbox_events as event
              on event.partition = lane.partition
              and event.position <= lane.position
            where (%(since)s::timestamptz is null or event.time >= %(since)s)
              and (%(types)s::text[] = '{{}}' or event.type = any (%(types)s))
            group by event.type
            order by event.type
            """,
            {"since": since, "types": list(types)},
        )
        return {str(row[0]): int(row[1]) for row in await cursor.fetchall()}


async def _published(
    database: Database, *, schema: str, since: datetime | None, types: tuple[str, ...]
) -> tuple[Sequence[Lane], int]:
    """Return each partition with the position up to which it was published, and how many events that is."""
    async with database.transaction() as tx:
        cursor = await tx.execute(
            f"""
            select lane.partition, lane.position, lane.token, count(event.position)
            from {schema}.outbox_cursors as lane
            left join {schema}.outbox_events as event
              on event.partition = lane.partition
              and event.position <= lane.position
              and (%(since)s::timestamptz is null or event.time >= %(since)s)
              and (%(types)s::text[] = '{{}}' or event.type = any (%(types)s))
            group by lane.partition
            order by lane.partition
            """,
            {"since": since, "types": list(types)},
        )
        rows = await cursor.fetchall()
    return [Lane(*row[:3]) for row in rows], sum(row[3] for row in rows)


async def _pages(
    database: Database, lane: Lane, *, schema: str, since: datetime | None, types: tuple[str, ...]
) -> AsyncIterator[Sequence[Row]]:
    """Yield one partition's published events in the order they were committed, up to 500 at a time."""
    after = 0
    while True:
        async with database.transaction() as tx:
            cursor = await tx.execute(
                f"""
                select partition, position, event_id, type, source, key, time, data, traceparent, version
                from {schema}.outbox_events
                where partition = %(partition)s
                  and position > %(after)s
                  and position <= %(last)s
                  and (%(since)s::timestamptz is null or time >= %(since)s)
                  and (%(types)s::text[] = '{{}}' or type = any (%(types)s))
                order by position
                limit %(limit)s
                """,
                {
                    "partition": lane.partition,
                    "after": after,
                    "last": lane.position,
                    "since": since,
                    "types": list(types),
                    "limit": BATCH_MAX,
                },
            )
            rows = [Row(*row) for row in await cursor.fetchall()]
        if not rows:
            return
        yield rows
        after = rows[-1].position


def _again(row: Row, *, run: str) -> Message:
    """Return a stored event as a message that the broker has not seen, with the event id it always had."""
    return msgspec.structs.replace(to_message(row), id=f"{row.event_id}+{run}")
