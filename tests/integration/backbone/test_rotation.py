"""The outbox's own partitions: made in advance, dropped whole when nobody needs them, and never silently missing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox import append
from cashback.kernel.outbox.rotating import days_ahead, rotate
from tests.integration.backbone.loops import drainer
from tests.integration.backbone.world import SCHEMA, event, eventually, rows, running


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
    rotation = f"select {SCHEMA}.rotate_outbox(interval '72 hours')"
    later = (
        f"update {SCHEMA}.outbox_days set published_at = published_at - interval '71 hours 59 minutes'"
        " where day = '2020-01-01'"
    )
    assert await rows(shop, rotation) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, rotation) == [(0,)]
    await rows(shop, f"update {SCHEMA}.outbox_cursors set position = 1 where partition = 0")
    assert await rows(shop, rotation) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, rotation) == [(0,)]
    await rows(shop, later)
    assert await rows(shop, rotation) == [(1,)]
    assert await rows(shop, f"select to_regclass('{SCHEMA}.outbox_events_20200101')") == [(None,)]


async def test_a_rotation_that_loses_against_writers_says_how_many_days_are_left(shop: Database, bus: Bus) -> None:
    """So nobody learns it on the day for which there is no partition."""
    last = f"{SCHEMA}.outbox_events_{datetime.now(UTC) + timedelta(days=14):%Y%m%d}"
    await rows(shop, f"drop table {last}")
    with capture_logs() as lines:
        async with writing(shop), running(drainer(shop, bus).run):
            await eventually(_said(lines, "rotation.postponed"))
    assert [line["days_left"] for line in lines if line["event"] == "rotation.postponed"] == [13]
    assert REGISTRY.get_sample_value("cashback_outbox_days_left", {"schema": SCHEMA}) == 13
    async with shop.session() as session:
        assert await rotate(session, SCHEMA)
        assert await days_ahead(session, SCHEMA) == 14


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
