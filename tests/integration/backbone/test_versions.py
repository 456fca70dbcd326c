"""Versions of events: each event says on every way which form its data has, and an older outbox learns to."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import psycopg
import pytest

from cashback.kernel.bus import Bus, Delivery, dead_letters, publish
from cashback.kernel.bus.replay import replay
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.migrations import block
from cashback.kernel.outbox.drain import pending
from cashback.kernel.outbox.lanes import Lane
from cashback.kernel.outbox.replay import replay_outbox
from tests.integration.backbone.loops import Script, consumer, drainer, has_stored, work_off
from tests.integration.backbone.world import (
    SCHEMA,
    event,
    eventually,
    happened,
    prepare_outbox,
    rows,
    running,
    stored,
    to_message,
)
from tests.support.servers import Databases

SECOND: Final = "urn:cashback:thing.happened:2"
APPEND_OF_BEFORE: Final = f"""
insert into {SCHEMA}.outbox_events (event_id, partition, type, source, key, time, data, traceparent)
values (%s, 0, 'thing.happened', '/cashback/shop', 'pur_1', now(), '', null)
"""
"""What a process of the release before has the database do."""


class Seen:
    """A handler that remembers which version each event was delivered in."""

    def __init__(self) -> None:
        """Remember none yet."""
        self.versions: list[tuple[str, int]] = []

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Note the deliveries."""
        del tx
        self.versions += [(one.id, one.version) for one in deliveries]


@pytest.fixture
async def before(databases: Databases) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Give a connection to a database whose outbox is of the release before, with an event in it."""
    with databases.fresh() as dsn:
        prepare_outbox(dsn, "outbox_v1")
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            await connection.execute(APPEND_OF_BEFORE.encode(), ("evt_before",))
            yield connection


async def test_an_event_is_delivered_in_the_version_that_it_was_stored_in(shop: Database, bus: Bus) -> None:
    """The first, which says nothing of it, and a later one alike."""
    first, later, seen = event("pur_1"), event("pur_1", version=3), Seen()
    await happened(shop, first, later)
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 2))
    await work_off(bus, consumer(shop, bus, handler=seen))
    assert seen.versions == [(first.id, 1), (later.id, 3)]


async def test_an_event_keeps_its_version_when_its_stream_is_replayed(shop: Database, bus: Bus) -> None:
    """Whoever reads the copy is told what whoever read the event was told."""
    del shop
    await publish(bus, [to_message(event(version=2))])
    await replay(bus, start=1)
    assert [message["headers"]["ce-dataschema"] for message in await stored(bus)] == [SECOND, SECOND]


async def test_an_event_keeps_its_version_when_its_outbox_is_replayed(shop: Database, bus: Bus) -> None:
    """The outbox is asked for it as the drainer asks."""
    await happened(shop, event(version=2))
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_published(shop, 1))
    await replay_outbox(shop, bus, schema=SCHEMA)
    assert [message["headers"]["ce-dataschema"] for message in await stored(bus)] == [SECOND, SECOND]


async def test_an_event_keeps_its_version_as_a_dead_letter(shop: Database, bus: Bus) -> None:
    """So whoever sends it again sends what it was."""
    one, seen = event(version=2), Seen()
    await publish(bus, [to_message(one)])
    await work_off(bus, consumer(shop, bus, handler=Script({one.id: [Invalid("no")]})))
    (letter,) = await dead_letters.page(bus, limit=2)
    await dead_letters.replay(bus, [letter.sequence])
    await work_off(bus, consumer(shop, bus, handler=seen))
    assert seen.versions == [(one.id, 2)]


async def test_an_outbox_of_the_release_before_is_neither_rewritten_nor_read_to_learn_versions(
    before: psycopg.AsyncConnection[Any],
) -> None:
    """Nobody can append meanwhile, and there may be 72 hours of events."""
    parts = f"pg_partition_tree('{SCHEMA}.outbox_events')"
    files = f"select array_agg(pg_relation_filenode(relid)) from {parts}"
    reads = f"select sum(seq_scan) from pg_stat_user_tables where relid in (select relid from {parts})"
    there = (await _one(before, files), await _settled(before, reads))
    async with before.transaction():
        await before.execute(block("outbox_v2", schema=SCHEMA).encode())
        # Revisions that come after it in the same transaction are as patient as before.
        assert await _one(before, "show lock_timeout") == ("0",)
    assert (await _one(before, files), await _settled(before, reads)) == there


@pytest.mark.invariant("I5")
async def test_a_process_of_the_release_before_appends_to_an_outbox_that_knows_versions(
    before: psycopg.AsyncConnection[Any],
) -> None:
    """And a relay of this release publishes what it appended, and what was there before, as of the first version."""
    await before.execute(block("outbox_v2", schema=SCHEMA).encode())
    await before.execute(APPEND_OF_BEFORE.encode(), ("evt_after",))
    found = await pending(before, schema=SCHEMA, lanes=[Lane(0, 0, 0)], limit=10)
    assert [(row.event_id, row.version) for row in found] == [("evt_before", 1), ("evt_after", 1)]


@pytest.mark.parametrize("ahead", [0, 14])
async def test_no_event_is_stored_in_a_version_below_the_first(
    before: psycopg.AsyncConnection[Any], ahead: int
) -> None:
    """Neither on a day that there was, nor on one that a rotation makes afterwards."""
    await before.execute(block("outbox_v2", schema=SCHEMA).encode())
    last = f"select max(inhrelid::regclass::text) from pg_inherits where inhparent = '{SCHEMA}.outbox_events'::regclass"
    (name,) = await _one(before, last)
    await before.execute(f"drop table {name}".encode())
    await before.execute(f"select {SCHEMA}.rotate_outbox(interval '72 hours')".encode())
    with pytest.raises(psycopg.errors.CheckViolation, match="outbox_version_positive"):
        await before.execute(
            f"""
            insert into {SCHEMA}.outbox_events
                (event_id, partition, type, source, key, time, data, version, stored_on)
            values ('evt_0', 0, 't', 's', 'k', now(), '', 0, (now() at time zone 'utc')::date + {ahead})
            """.encode()
        )


async def test_an_outbox_that_is_written_to_is_not_waited_for_with_its_writers_behind(databases: Databases) -> None:
    """A transaction that stays open makes the upgrade give up, and be run again, instead of stopping every append."""
    with databases.fresh() as dsn:
        prepare_outbox(dsn, "outbox_v1")
        with psycopg.connect(dsn) as writer, psycopg.connect(dsn, autocommit=True) as upgrading:
            writer.execute(APPEND_OF_BEFORE.encode(), ("evt_1",))
            upgrading.execute("set statement_timeout = '20s'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                upgrading.execute(block("outbox_v2", schema=SCHEMA).encode())
            writer.commit()
            upgrading.execute(block("outbox_v2", schema=SCHEMA).encode())


async def has_published(database: Database, position: int) -> bool:
    """Tell whether a cursor of the outbox has come as far."""
    ((reached,),) = await rows(database, f"select max(position) from {SCHEMA}.outbox_cursors")
    return bool(reached >= position)


async def _one(connection: psycopg.AsyncConnection[Any], question: str) -> tuple[Any, ...]:
    """Return the only row of an answer."""
    (row,) = await (await connection.execute(question.encode())).fetchall()
    return tuple(row)


async def _settled(connection: psycopg.AsyncConnection[Any], question: str) -> tuple[Any, ...]:
    """Return the only row of an answer about what was counted so far."""
    await connection.execute("select pg_stat_force_next_flush()")
    return await _one(connection, question)
