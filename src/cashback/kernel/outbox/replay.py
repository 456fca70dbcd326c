"""Replay from the outbox: what was published is published once more, after the broker has lost it.

The outbox keeps a day's rows for 72 hours after all of them were published, however late that was. What lies beyond the
cursors is left to the drainer.
Event ids stay, so consumers that applied an event skip it; message ids are new, so the broker takes it.

Each statement looks at one stretch of positions, so that none runs into its time however much is kept: 72 hours of the
mean rate are 16 million rows. Counting is a pass of its own, and whoever has counted says how many there are.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.bus import Bus, Message, publish
from cashback.kernel.bus.message import new_token
from cashback.kernel.bus.replay import Progress
from cashback.kernel.db import Database, Tx
from cashback.kernel.outbox.drain import BATCH_MAX, Row, to_message

STRETCH: Final = 200_000
"""Positions that one statement looks at: 140 MB of rows of the usual size, of all lanes together."""


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of one partition and published: positions above `after`, up to and with `last`."""

    partition: int
    after: int
    last: int


async def replay_outbox(
    database: Database,
    bus: Bus,
    *,
    schema: str,
    since: datetime | None = None,
    types: tuple[str, ...] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
    counted: int = 0,
) -> int:
    """Publish the kept and already published events of one outbox again, each aggregate's in order; return how many.

    `since` leaves out events that happened before it, `types` all other types; `dry_run` only counts. `counted` is what
    a count came to, for `progress` to be told of. Repeating it is safe and applies nothing twice. The streams are
    created when they are missing.

    Raises:
        BusUnavailable: the broker went away on the way; repeat it.
        DatabaseUnavailable: the database did.
    """
    if dry_run:
        return sum((await count_outbox(database, schema=schema, since=since, types=types)).values())
    run = new_token()
    await bus.apply_streams()
    done = 0
    for kept in await _published(database, schema=schema):
        async for rows in _pages(database, kept, schema=schema, since=since, types=types):
            await publish(bus, [_again(row, run=run) for row in rows])
            done += len(rows)
            if progress is not None:
                progress(done, max(counted, done))
    return done


async def count_outbox(
    database: Database, *, schema: str, since: datetime | None = None, types: tuple[str, ...] = ()
) -> dict[str, int]:
    """Return how many events of each type a replay of one outbox would publish.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    found: Counter[str] = Counter()
    kept = await _published(database, schema=schema)
    first, last = min((one.after for one in kept), default=0), max((one.last for one in kept), default=0)
    for after, upto in _stretches(first, last):
        async with _by_position(database) as tx:
            cursor = await tx.execute(
                f"""
                select event.type, count(*)
                from unnest(%(partitions)s::smallint[], %(lasts)s::bigint[]) as lane (partition, last)
                join {schema}.outbox_events as event
                  on event.partition = lane.partition
                  and event.position > %(after)s
                  and event.position <= least(lane.last, %(upto)s)
                where (%(since)s::timestamptz is null or event.time >= %(since)s)
                  and (%(types)s::text[] = '{{}}' or event.type = any (%(types)s))
                group by event.type
                """,
                {
                    "partitions": [one.partition for one in kept],
                    "lasts": [one.last for one in kept],
                    "after": after,
                    "upto": upto,
                    "since": since,
                    "types": list(types),
                },
            )
            found.update({str(row[0]): int(row[1]) for row in await cursor.fetchall()})
    return dict(sorted(found.items()))


def _stretches(after: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the positions above `after`, up to and with `last`, a stretch at a time.

    >>> list(_stretches(5, 200_006))
    [(5, 200005), (200005, 200006)]
    """
    for start in range(after, last, STRETCH):
        yield start, min(start + STRETCH, last)


@asynccontextmanager
async def _by_position(database: Database) -> AsyncIterator[Tx]:
    """Yield a transaction that finds a stretch by its positions.

    By itself the planner reads the whole of a day where a stretch seems to be much of it, and does so for each stretch.
    """
    async with database.transaction() as tx:
        await tx.execute("set local enable_seqscan = off")
        yield tx


async def _published(database: Database, *, schema: str) -> Sequence[_Kept]:
    """Return each partition that has published rows, from its oldest row to how far it was published."""
    async with _by_position(database) as tx:
        cursor = await tx.execute(
            f"""
            select lane.partition, kept.first - 1, lane.position
            from {schema}.outbox_cursors as lane
            cross join lateral (
                select min(event.position) as first
                from {schema}.outbox_events as event
                where event.partition = lane.partition
            ) as kept
            where kept.first <= lane.position
            order by lane.partition
            """
        )
        return [_Kept(*row) for row in await cursor.fetchall()]


async def _pages(
    database: Database, kept: _Kept, *, schema: str, since: datetime | None, types: tuple[str, ...]
) -> AsyncIterator[Sequence[Row]]:
    """Yield one partition's published events in the order they were committed, up to 500 at a time."""
    for start, upto in _stretches(kept.after, kept.last):
        after, is_full = start, True
        while is_full:
            async with _by_position(database) as tx:
                cursor = await tx.execute(
                    f"""
                    select partition, position, event_id, type, source, key, time, data, traceparent, version
                    from {schema}.outbox_events
                    where partition = %(partition)s
                      and position > %(after)s
                      and position <= %(upto)s
                      and (%(since)s::timestamptz is null or time >= %(since)s)
                      and (%(types)s::text[] = '{{}}' or type = any (%(types)s))
                    order by position
                    limit %(limit)s
                    """,
                    {
                        "partition": kept.partition,
                        "after": after,
                        "upto": upto,
                        "since": since,
                        "types": list(types),
                        "limit": BATCH_MAX,
                    },
                )
                rows = [Row(*row) for row in await cursor.fetchall()]
            is_full = len(rows) == BATCH_MAX
            if rows:
                yield rows
                after = rows[-1].position


def _again(row: Row, *, run: str) -> Message:
    """Return a stored event as a message that the broker has not seen, with the event id it always had."""
    return msgspec.structs.replace(to_message(row), id=f"{row.event_id}+{run}")
