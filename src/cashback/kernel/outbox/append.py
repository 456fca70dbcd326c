"""Storing events: the last statements before commit."""

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from cashback.kernel.db import Tx
from cashback.kernel.outbox.event import Event
from cashback.kernel.telemetry import Kind, each, heir_of

PARTITIONS: Final = 4
"""How many ordered lanes a schema's outbox has; an aggregate always falls into the same one."""


def partition_of(key: str) -> int:
    """Return the partition of an aggregate's key; it never changes, so order per aggregate is order per partition."""
    return crc32(key.encode()) % PARTITIONS


async def append(tx: Tx, schema: str, events: Sequence[Event]) -> None:
    """Store `events` in the given order; must be the last act before commit, since it holds the partitions' locks.

    Keeps I6: a second transaction that appends to the same partition waits until this one has committed, so the
    position it gets is higher and visible later. The notification wakes the relay once per transaction.
    """
    if not events:
        return
    partitions = [partition_of(event.key) for event in events]
    origins = [heir_of(event.traceparent) for event in events]
    with each(origins, lambda place: _created(events[place], schema), kind=Kind.PRODUCER) as traces:
        await _insert(tx, schema, events, partitions, traces=traces)


def _created(event: Event, schema: str) -> tuple[str, dict[str, str | int | bool]]:
    """Return the span of an event's creation, which is what its stored trace context names."""
    return f"create {event.type}", {
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.system": "nats",
        "messaging.destination.name": event.type,
        "messaging.message.id": event.id,
        "cashback.outbox.schema": schema,
    }


async def _insert(
    tx: Tx, schema: str, events: Sequence[Event], partitions: Sequence[int], *, traces: Sequence[str | None]
) -> None:
    """Lock the lanes in ascending order, insert the events in the order given, and have the commit wake the relay.

    No position is given out before the last lock is held: every row is joined to the count of the locks.
    """
    await tx.execute(
        f"""
        with locked as materialized (
            select count(pg_advisory_xact_lock(hashtext('outbox:{schema}'), lane)) as lanes
            from unnest(%(lanes)b::int[]) as lane
        ),
        stored as (
            insert into {schema}.outbox_events
                (event_id, partition, type, source, key, time, data, traceparent, version)
            select event_id, partition, type, source, key, time, data, traceparent, version
            from unnest(
                %(ids)b::text[], %(partitions)b::smallint[], %(types)b::text[], %(sources)b::text[],
                %(keys)b::text[], %(times)b::timestamptz[], %(data)b::bytea[], %(traces)b::text[],
                %(versions)b::smallint[]
            ) with ordinality as given (event_id, partition, type, source, key, time, data, traceparent, version, place)
            cross join locked
            where lanes > 0
            order by place
        )
        select pg_notify('outbox_{schema}', '')
        """,
        {
            "lanes": sorted(set(partitions)),
            "ids": [event.id for event in events],
            "partitions": list(partitions),
            "types": [event.type for event in events],
            "sources": [event.source for event in events],
            "keys": [event.key for event in events],
            "times": [event.time for event in events],
            "data": [event.data for event in events],
            "traces": list(traces),
            "versions": [event.version for event in events],
        },
    )
