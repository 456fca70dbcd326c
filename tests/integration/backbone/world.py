"""A small world for the event backbone: one schema with outbox and inbox, whose effects can be counted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg

from cashback.kernel.bus import Bus, Delivery, Message, event_message
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id
from cashback.kernel.migrations import block
from cashback.kernel.outbox import Event, append, partition_of

SCHEMA: Final = "shop"
TYPE: Final = "thing.happened"
WITHIN_S: Final = 20.0
LOOK_EVERY_S: Final = 0.01


def prepare(dsn: str) -> None:
    """Make the schema: the shared blocks, and a table in which every application of an event leaves a row."""
    prepare_outbox(dsn, "outbox_v1", "outbox_v2", "outbox_v3", "outbox_v4", "inbox_v1", "inbox_v2", "leases_v1")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            f"create table {SCHEMA}.effects (place bigint generated always as identity, event_id text, key text)"
        )


def prepare_outbox(dsn: str, *blocks: str) -> None:
    """Make the schema with these shared blocks alone."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"create schema {SCHEMA}")
        for name in blocks:
            connection.execute(block(name, schema=SCHEMA).encode())


def event(
    key: str = "pur_1", *, type_: str = TYPE, data: bytes = b"{}", id_: str | None = None, version: int = 1
) -> Event:
    """Return a new event."""
    return Event(
        id=id_ or new_id("evt"),
        type=type_,
        source="/cashback/shop",
        key=key,
        time=datetime.now(UTC),
        data=data,
        version=version,
    )


async def happened(database: Database, *events: Event) -> None:
    """Commit events to the outbox in one transaction."""
    async with database.transaction() as tx:
        await append(tx, SCHEMA, events)


async def apply(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """Leave one row for each event: the effect of the consumers here."""
    await tx.execute(
        f"insert into {SCHEMA}.effects (event_id, key) select * from unnest(%s::text[], %s::text[])",
        ([delivery.id for delivery in deliveries], [delivery.key for delivery in deliveries]),
    )


async def rows(database: Database, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of a question, none for what gives none."""
    async with database.transaction() as tx:
        cursor = await tx.execute(sql.encode(), parameters)
        return await cursor.fetchall() if cursor.description else []


async def count_applied(database: Database) -> int:
    """Return how many effects there are."""
    return int((await rows(database, f"select count(*) from {SCHEMA}.effects"))[0][0])


async def applied(database: Database) -> list[str]:
    """Return the event ids of the effects, in the order in which they were stored."""
    return [row[0] for row in await rows(database, f"select event_id from {SCHEMA}.effects order by place")]


async def eventually(fact: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Return once `fact` holds; fail when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await fact():
            # The pause between two looks at a fact that has no event to wait on.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await asyncio.Event().wait()


async def count_stored(bus: Bus, *, stream: str = EVENTS.name) -> int:
    """Return how many messages a stream has taken."""
    return int((await bus.api(f"STREAM.INFO.{stream}"))["state"]["last_seq"])


async def stored(bus: Bus, *, stream: str = EVENTS.name) -> list[dict[str, Any]]:
    """Return every message of a stream in order, as the API shows it."""
    last = await count_stored(bus, stream=stream)
    found = [(await bus.api(f"STREAM.MSG.GET.{stream}", {"seq": number}))["message"] for number in range(1, last + 1)]
    return [{**message, "headers": headers_of(message)} for message in found]


def headers_of(message: dict[str, Any]) -> dict[str, str]:
    """Return a stored message's headers."""
    lines = msgspec.convert(message.get("hdrs", ""), bytes, strict=False).decode().split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines if line)


async def stored_ids(bus: Bus) -> list[str]:
    """Return the event ids in the main stream, in order."""
    return [message["headers"]["ce-id"] for message in await stored(bus)]


@asynccontextmanager
async def running(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> AsyncIterator[asyncio.Event]:
    """Run loops while the block lasts, then stop them and see that each ends well and soon."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(_of(run, stop))
        try:
            yield stop
        finally:
            stop.set()


async def _of(run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Await a loop; a task wants a coroutine."""
    await run(stop)


def to_message(event_: Event, *, message_id: str | None = None) -> Message:
    """Return an event as the relay would publish it, or under another message id."""
    message = event_message(
        id=event_.id,
        type=event_.type,
        source=event_.source,
        key=event_.key,
        time=event_.time,
        traceparent=event_.traceparent,
        partition=partition_of(event_.key),
        data=event_.data,
        version=event_.version,
    )
    return msgspec.structs.replace(message, id=message_id or event_.id)
