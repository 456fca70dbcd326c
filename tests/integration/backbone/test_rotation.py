"""The outbox's own partitions: made in advance, dropped whole when nobody needs them, and never silently missing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox import append
from cashback.kernel.outbox.rotating import days_ahead, rotate
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, rows, running

ROTATION: Final = f"select {SCHEMA}.rotate_outbox(interval '72 hours')"
EVENTS_OF_A_DAY: Final = 300_000


async def test_an_old_partition_is_dropped_whole_72_hours_after_it_was_published(shop: Database) -> None:
    """What is not yet published stays however old it is; what was published late can be replayed as long as any."""
    await rows(
        shop,
        f"create table {SCHEMA}.outbox_events_20200101 partition of {SCHEMA}.outbox_events"
        " for values from ('2020-01-01') to ('2020-01-02')",
    )
    await rows(
        shop,
        f"insert into {SCHEMA}.outbox_events (event_id, partition, type, source, key, time, data, stored_on)"
        " values ('evt_old', 0, 't', 's', 'k', now(), '', '2020-01-01')",
    )
    later = (
        f"update {SCHEMA}.outbox_days set published_at = published_at - interval '71 hours 59 minutes'"
        " where day = '2020-01-01'"
    )
    assert await rows(shop, ROTATION) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, ROTATION) == [(0,)]
    await rows(shop, f"update {SCHEMA}.outbox_cursors set position = 1 where partition = 0")
    assert await rows(shop, ROTATION) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, ROTATION) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, ROTATION) == [(1,)]
    assert await rows(shop, f"select to_regclass('{SCHEMA}.outbox_events_20200101')") == [(None,)]


async def test_coming_days_are_made_beside_writers(shop: Database) -> None:
    """An append that is under way holds up no rotation, and the partitions that it made are like the others."""
    last = await _last_day(shop)
    before = await _definition(shop, last)
    await rows(shop, f"drop table {SCHEMA}.{last}")
    async with writing(shop), shop.session() as session:
        assert await rotate(session, SCHEMA)
        assert await days_ahead(session, SCHEMA) == 14
    assert await _definition(shop, last) == before


async def test_an_append_does_not_wait_for_a_rotation_that_makes_a_day(shop: Database) -> None:
    """The table is not locked against writers, however long the rotation's transaction takes to end."""
    await rows(shop, f"drop table {SCHEMA}.{await _last_day(shop)}")
    async with shop.session() as session, session.transaction():
        await session.execute(ROTATION)
        await happened(shop, event())
    assert await rows(shop, f"select count(*) from {SCHEMA}.outbox_events") == [(1,)]


async def test_a_day_that_writers_kept_from_being_dropped_is_dropped_later(shop: Database, bus: Bus) -> None:
    """Writers go first; it is said, a day that was missing is made all the same, and events flow."""
    await rows(shop, f"drop table {SCHEMA}.{await _last_day(shop)}")
    await _old_day(shop)
    await rows(shop, f"insert into {SCHEMA}.outbox_days values ('2020-01-01', now() - interval '73 hours')")
    with capture_logs() as lines:
        async with writing(shop), running(drainer(shop, bus).run):
            await eventually(_said(lines, "rotation.postponed"))
            await happened(shop, event("pur_2"))
            await eventually(lambda: has_stored(bus, 1))
    assert [line["days_left"] for line in lines if line["event"] == "rotation.postponed"] == [14]
    assert REGISTRY.get_sample_value("cashback_outbox_days_left", {"schema": SCHEMA}) == 14
    async with shop.session() as session:
        assert await rotate(session, SCHEMA)
    assert await rows(shop, f"select to_regclass('{SCHEMA}.outbox_events_20200101')") == [(None,)]


@pytest.mark.deep
async def test_a_rotation_that_takes_too_long_keeps_no_event(shop: Database, bus: Bus) -> None:
    """It is cancelled within the lease, the lanes are kept, events flow, and it is tried again a minute later."""
    await rows(shop, f"alter function {SCHEMA}.rotate_outbox(interval) rename to rotates_well")
    await rows(
        shop,
        f"create function {SCHEMA}.rotate_outbox(keep interval) returns integer language plpgsql"
        " as $$ begin perform pg_sleep(3600); return 0; end $$",
    )
    with capture_logs() as lines:
        async with running(drainer(shop, bus).run):
            await eventually(_said(lines, "rotation.postponed"))
            await happened(shop, event())
            await eventually(lambda: has_stored(bus, 1))
    assert [line["event"] for line in lines if line["event"] in {"outbox.waits", "rotation.postponed"}] == [
        "rotation.postponed"
    ]


async def test_a_rotation_that_ends_the_session_keeps_no_event(shop: Database, bus: Bus) -> None:
    """The next session does not begin with it again."""
    await rows(shop, f"alter function {SCHEMA}.rotate_outbox(interval) rename to rotates_well")
    await rows(
        shop,
        f"create function {SCHEMA}.rotate_outbox(keep interval) returns integer language plpgsql"
        " as $$ begin perform pg_terminate_backend(pg_backend_pid()); return 0; end $$",
    )
    async with running(drainer(shop, bus).run):
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 1))


@pytest.mark.deep
async def test_what_a_rotation_reads_does_not_grow_with_the_days(shop: Database) -> None:
    """Of 300,000 published rows it reads the newest of each lane, by the index: a scan is 4,000 pages and more."""
    await _old_day(shop, events=EVENTS_OF_A_DAY)
    await rows(shop, f"update {SCHEMA}.outbox_cursors set position = {EVENTS_OF_A_DAY}")
    assert await _pages_of(shop, f"select count(data) from {SCHEMA}.outbox_events") > 4_000
    # Twice: the first time a session's caches are filled, from the catalogue.
    anew = f"delete from {SCHEMA}.outbox_days"
    assert await _pages_of(shop, ROTATION, anew, ROTATION) < 2_000
    assert await rows(shop, f"select day from {SCHEMA}.outbox_days where day = '2020-01-01'") != []


async def test_a_row_in_a_lane_that_nobody_publishes_is_not_dropped(shop: Database) -> None:
    """A lane without a cursor is published nowhere, so its day is kept."""
    await _old_day(shop, lane=9)
    async with shop.session() as session:
        assert await rotate(session, SCHEMA)
    assert await rows(shop, f"select day from {SCHEMA}.outbox_days where day = '2020-01-01'") == []


async def _last_day(database: Database) -> str:
    """Return the name of the last day's partition, whichever day it was when it was made."""
    ((name,),) = await rows(
        database,
        "select max(inhrelid::regclass::text) from pg_inherits where inhparent = %s::regclass",
        f"{SCHEMA}.outbox_events",
    )
    return str(name).partition(".")[2]


async def _old_day(database: Database, *, events: int = 0, lane: int | None = None) -> None:
    """Make the partition of a day long ago with so many events, or one in `lane`; positions count from 1."""
    await rows(
        database,
        f"create table {SCHEMA}.outbox_events_20200101 partition of {SCHEMA}.outbox_events"
        " for values from ('2020-01-01') to ('2020-01-02')",
    )
    await rows(
        database,
        f"insert into {SCHEMA}.outbox_events (event_id, partition, type, source, key, time, data, stored_on)"
        " select 'evt_' || place, coalesce(%s, place %% 4), 'thing.happened', '/cashback/shop', 'pur_1', now(), '{}',"
        " '2020-01-01' from generate_series(1, %s) as place",
        lane,
        events if lane is None else 1,
    )


async def _pages_of(database: Database, *statements: str) -> int:
    """Return how many pages the last of these statements, in one session, touched: its own and its functions'."""
    touched = 0
    async with database.session() as session:
        for statement in statements:
            cursor = await session.execute(f"explain (analyze, buffers, format json) {statement}")
            ((plans,),) = await cursor.fetchall()
            touched = int(plans[0]["Plan"]["Shared Hit Blocks"]) + int(plans[0]["Plan"]["Shared Read Blocks"])
    return touched


async def _definition(database: Database, table: str) -> list[tuple[Any, ...]]:
    """Return the columns, constraints and indexes of a partition, and whose it is."""
    name = f"'{SCHEMA}.{table}'::regclass"
    return await rows(
        database,
        f"""
        select concat_ws(' ', attname, atttypid::regtype, attnotnull, attidentity, attcollation)
        from pg_attribute where attrelid = {name} and attnum > 0
        union all
        select concat_ws(' ', replace(conname, '{table}', ''), replace(pg_get_constraintdef(oid), ' NOT VALID', ''))
        from pg_constraint where conrelid = {name} and coninhcount = 1 and not conislocal
        union all
        select concat_ws(' ', indexrelid::regclass, indisprimary)
        from pg_index where indrelid = {name}
        union all
        select concat_ws(' ', relowner, relacl, pg_get_expr(relpartbound, oid))
        from pg_class where oid = {name}
        order by 1
        """,
    )


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[None]:
    """Be in the middle of an append while the block lasts."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        """Append, and commit when the block has ended."""
        async with database.transaction() as tx:
            await append(tx, SCHEMA, [event()])
            begun.set()
            await ended.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await begun.wait()
        try:
            yield
        finally:
            ended.set()


def _said(lines: Sequence[Mapping[str, Any]], what: str) -> Callable[[], Awaitable[bool]]:
    """Return the question whether an event was logged."""

    async def look() -> bool:
        return any(line["event"] == what for line in lines)

    return look
