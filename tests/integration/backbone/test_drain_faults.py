"""The relay's half of the backbone under faults: nothing is lost and nothing is stored twice."""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, BusUnavailable, Parcel, publish_packed
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database, Line
from cashback.kernel.failpoints import Point, watching
from cashback.kernel.outbox.drain import drainer as drainer_module
from cashback.kernel.outbox.rotating import STATEMENTS
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, rows, running, stored_ids

NOTIFIED: Final = 3_000


async def test_a_second_drainer_goes_on_where_a_cancelled_one_was(shop: Database, bus: Bus) -> None:
    """It has the lanes, and the stream holds everything once; `test_points` has drainers that die."""
    dying = asyncio.create_task(drainer(shop, bus, holder="dying", ttl_s=0.5).run(asyncio.Event()))
    await happened(shop, event("pur_1"))
    await eventually(lambda: has_stored(bus, 1))
    async with running(drainer(shop, bus, holder="heir", ttl_s=0.5).run):
        dying.cancel()
        await happened(shop, event("pur_1"), event("pur_2"))
        await eventually(lambda: has_stored(bus, 3))
    with suppress(asyncio.CancelledError):
        await dying
    stored = await stored_ids(bus)
    assert len(stored) == len(set(stored)) == 3


@pytest.mark.invariant("I5")
async def test_a_broker_killed_in_mid_flow_and_restarted_loses_nothing(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """Writers go on while it is away; afterwards the stream holds every event once, in commit order."""
    async with running(drainer(shop, bus).run):
        for number in range(30):
            if number == 10:
                broker.kill()
            await happened(shop, *(event(f"pur_{number}") for _ in range(20)))
        broker.start()
        await eventually(lambda: has_stored(bus, 600))
    expected = [row[0] for row in await rows(shop, f"select event_id from {SCHEMA}.outbox_events order by position")]
    by_lane = dict(
        await rows(
            shop, f"select partition, array_agg(event_id order by position) from {SCHEMA}.outbox_events group by 1"
        )
    )
    ids = await stored_ids(bus)
    assert sorted(ids) == sorted(expected)
    for lane, wanted in by_lane.items():
        assert [id_ for id_ in ids if id_ in set(wanted)] == wanted, lane


async def test_a_broker_that_was_wiped_gets_its_streams_back(shop: Database, bus: Bus, broker: EmbeddedNats) -> None:
    """What is committed afterwards flows without anybody's help."""
    async with running(drainer(shop, bus).run):
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 1))
        broker.stop()
        broker.wipe()
        late = event()
        await happened(shop, late)
        broker.start()
        await eventually(lambda: has_stored(bus, 1))
    assert await stored_ids(bus) == [late.id]


async def test_a_drainer_starts_without_a_broker_and_waits(shop: Database, broker: EmbeddedNats) -> None:
    """Nobody has to be started in the right order."""
    broker.stop()
    async with Bus.connect(broker.url(), name="early") as bus, running(drainer(shop, bus).run):
        await happened(shop, event())
        assert not bus.is_connected
        broker.start()
        await eventually(lambda: has_stored(bus, 1))


@pytest.mark.deep
async def test_a_relay_does_not_hoard_notifications_while_the_broker_is_away(
    shop: Database, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement of its session, a rotation's say, puts those that came into memory; none stays there."""
    monkeypatch.setattr(drainer_module, "ROTATE_EVERY_S", 0.0)
    broker.stop()
    async with Bus.connect(broker.url(), name="hoard") as bus, running(drainer(shop, bus).run):
        await eventually(_is_listening)
        await rows(shop, f"select pg_notify('outbox_{SCHEMA}', n::text) from generate_series(1, {NOTIFIED}) as n")
        rotated = REGISTRY.get_sample_value("cashback_outbox_statements_total", {"schema": SCHEMA}) or 0.0

        async def has_rotated() -> bool:
            """Tell whether a rotation began after the last notification, and another one after it."""
            now = REGISTRY.get_sample_value("cashback_outbox_statements_total", {"schema": SCHEMA}) or 0.0
            return now >= rotated + 3 * STATEMENTS

        await eventually(has_rotated)
        assert max(len(line._notifies_backlog or ()) for line in _listening()) < NOTIFIED // 10


async def _is_listening() -> bool:
    """Tell whether a drainer's session is there."""
    return bool(_listening())


def _listening() -> list[Line]:
    """Return the connections that are open and belong to no pool: the sessions of drainers."""
    lines = [one for one in gc.get_objects() if isinstance(one, Line)]
    return [one for one in lines if not one.closed and one.autocommit]


async def test_a_full_stream_makes_the_outbox_wait_and_loses_nothing(shop: Database, broker: EmbeddedNats) -> None:
    """It refuses new messages instead of dropping old ones; with more room everything goes on."""
    async with Bus.connect(broker.url(), name="full") as bus:
        await bus.wait_connected()
        narrow = {"name": EVENTS.name, "subjects": list(EVENTS.subjects), "discard": "new", "allow_atomic": True}
        await bus.api(f"STREAM.CREATE.{EVENTS.name}", {**narrow, "max_msgs": 5})
        async with running(drainer(shop, bus).run):
            await happened(shop, *(event(f"pur_{number}") for number in range(4)))
            await eventually(lambda: has_stored(bus, 4))
            tried = list[Point]()

            async def is_refused() -> bool:
                """Tell whether the same was to be published twice: what was stored is not tried again."""
                return tried.count("batch.publishing") >= 2

            with watching(tried.append):
                await happened(shop, *(event(f"pur_{number}") for number in range(4)))
                await eventually(is_refused)
            await bus.api(f"STREAM.UPDATE.{EVENTS.name}", {**narrow, "max_msgs": 100})
            await eventually(lambda: has_stored(bus, 8))
    assert len(set(await _ids_of(broker))) == 8


async def test_a_drainer_stops_though_the_broker_hangs(
    shop: Database, bus: Bus, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was publishing is cut off, not waited for, and stays in the outbox for whoever comes next."""
    publishing, cut_off = asyncio.Event(), asyncio.Event()

    async def publish_patiently(bus: Bus, parcels: Sequence[Parcel]) -> None:
        """Publish, and wait for the answer for ever."""
        publishing.set()
        try:
            with suppress(BusUnavailable):
                await publish_packed(bus, parcels)
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    before, one = event(), event()
    async with running(drainer(shop, bus).run) as stop:
        await happened(shop, before)
        await eventually(lambda: has_stored(bus, 1))
        monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.publish_packed", publish_patiently)
        broker.pause()
        await happened(shop, one)
        await publishing.wait()
        assert not cut_off.is_set()
        stop.set()
    assert cut_off.is_set()
    monkeypatch.undo()
    broker.resume()
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 2))
    assert await stored_ids(bus) == [before.id, one.id]


async def test_a_drainer_survives_the_loss_of_its_database_connections(shop: Database, bus: Bus) -> None:
    """Every backend is killed; it opens a new session and goes on."""
    async with running(drainer(shop, bus, ttl_s=1.0).run):
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 1))
        await rows(
            shop,
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()",
        )
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 2))


async def _ids_of(broker: EmbeddedNats) -> list[str]:
    """Return the event ids in the stream, asked over a connection of one's own."""
    async with Bus.connect(broker.url(), name="reader") as bus:
        await bus.wait_connected()
        return await stored_ids(bus)


@pytest.mark.invariant("I5")
async def test_a_drainer_publishes_what_takes_the_places_of_commits_that_a_failover_has_lost(
    shop: Database, bus: Bus
) -> None:
    """It had published further than the new primary has got: what happens there has the places of what was lost."""
    kept, lost = [event()], [event() for _ in range(5)]
    async with running(drainer(shop, bus).run):
        await happened(shop, *kept)
        await eventually(lambda: has_stored(bus, 1))
        await happened(shop, *lost)
        await eventually(lambda: has_stored(bus, 6))
        await lose_commits(shop, after=kept[0].id)
        late = [event() for _ in range(3)]
        await happened(shop, *late)
        await eventually(lambda: has_stored(bus, 9))
    assert await stored_ids(bus) == [one.id for one in (*kept, *lost, *late)]


async def lose_commits(database: Database, *, after: str) -> None:
    """Have the outbox as it was when `after` was the last event in it, for whoever connects to it anew."""
    async with database.transaction() as tx:
        # Who connects waits for it; nobody who was connected writes any more what was true before.
        await tx.execute(f"lock table {SCHEMA}.outbox_cursors in access exclusive mode".encode())
        await tx.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid()"
        )
        cursor = await tx.execute(f"select position from {SCHEMA}.outbox_events where event_id = %s".encode(), (after,))
        row = await cursor.fetchone()
        assert row is not None
        await tx.execute(f"delete from {SCHEMA}.outbox_events where position > %s".encode(), row)
        await tx.execute(f"update {SCHEMA}.outbox_cursors set position = least(position, %s)".encode(), row)
        await tx.execute(
            f"select setval(pg_get_serial_sequence('{SCHEMA}.outbox_events', 'position'), %s)".encode(), row
        )
