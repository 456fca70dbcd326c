"""The relay's half of the backbone: what is committed is published once, in commit order, whatever fails."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, publish
from cashback.kernel.db import Database
from cashback.kernel.outbox import append, partition_of
from cashback.kernel.outbox.drain import go_by_index, pending
from cashback.kernel.outbox.lanes import Lane, Lanes
from tests.integration.backbone.loops import drainer, has_stored
from tests.integration.backbone.world import (
    SCHEMA,
    count_stored,
    event,
    eventually,
    happened,
    rows,
    running,
    stored,
    stored_ids,
    to_message,
)


async def test_what_is_committed_is_published_as_a_cloud_event(shop: Database, bus: Bus) -> None:
    """Attributes travel as headers, data as it is, on the subject of type and partition."""
    one = event("pur_1", data=b'{"a":"1"}')
    async with running(drainer(shop, bus).run):
        await happened(shop, one)
        await eventually(lambda: has_stored(bus, 1))
    (message,) = await stored(bus)
    assert message["subject"] == f"cashback.v1.thing.happened.{partition_of('pur_1')}"
    assert message["data"] == "eyJhIjoiMSJ9"
    assert message["headers"] == {
        "ce-specversion": "1.0",
        "ce-id": one.id,
        "ce-type": "thing.happened",
        "ce-source": "/cashback/shop",
        "ce-time": one.time.isoformat().replace("+00:00", "Z"),
        "ce-partitionkey": "pur_1",
        "content-type": "application/json",
        "Nats-Msg-Id": one.id,
    }


@pytest.mark.invariant("I6")
async def test_of_two_interleaved_transactions_on_one_aggregate_the_first_to_commit_is_published_first(
    shop: Database, bus: Bus
) -> None:
    """The later one cannot get its position before the earlier has committed, and others are not held up by it."""
    early, slow, quick, other = event("pur_2"), event("pur_1"), event("pur_1"), event("pur_2")
    assert partition_of("pur_1") != partition_of("pur_2")
    appended, may_commit = asyncio.Event(), asyncio.Event()

    async def dawdle() -> None:
        """Append first and commit late."""
        async with shop.transaction() as tx:
            await append(tx, SCHEMA, [slow])
            appended.set()
            await may_commit.wait()

    async with running(drainer(shop, bus).run):
        # Whoever overtakes waits for a lock, and not for long: the drainer is at work before that begins.
        await happened(shop, early)
        await eventually(lambda: has_stored(bus, 1))
        dawdling = asyncio.create_task(dawdle())
        await appended.wait()
        overtaking = asyncio.create_task(happened(shop, quick))
        await happened(shop, other)
        await eventually(lambda: has_stored(bus, 2))
        assert await stored_ids(bus) == [early.id, other.id]
        assert not overtaking.done()
        may_commit.set()
        await asyncio.gather(dawdling, overtaking)
        await eventually(lambda: has_stored(bus, 4))
    assert await stored_ids(bus) == [early.id, other.id, slow.id, quick.id]


@pytest.mark.invariant("I6")
async def test_many_writers_events_are_published_in_the_order_of_their_commits(shop: Database, bus: Bus) -> None:
    """Twenty writers append to five aggregates at once; the stream has each aggregate in position order."""
    keys = [f"pur_{number % 5}" for number in range(20)]
    async with running(drainer(shop, bus).run):
        await asyncio.gather(*(happened(shop, event(key), event(key)) for key in keys))
        await eventually(lambda: has_stored(bus, 40))
    expected = await rows(
        shop, f"select key, array_agg(event_id order by position) from {SCHEMA}.outbox_events group by 1"
    )
    seen: dict[str, list[str]] = {}
    for message in await stored(bus):
        seen.setdefault(message["headers"]["ce-partitionkey"], []).append(message["headers"]["ce-id"])
    assert seen == dict(expected)


async def test_a_backlog_goes_out_in_atomic_batches_with_two_statements_each(shop: Database, bus: Bus) -> None:
    """1,200 events are three batches; statements per event stay in the thousandths."""
    await happened(shop, *(event(f"pur_{number}") for number in range(1_200)))
    before = _statements()
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 1_200))
        await eventually(lambda: _are_cursors_at_the_end(shop))
        used = _statements() - before
    expected = [row[0] for row in await rows(shop, f"select event_id from {SCHEMA}.outbox_events order by position")]
    assert await stored_ids(bus) == expected
    assert used <= 1_200 * 0.02


async def test_an_event_that_was_stored_already_does_not_keep_its_batch_from_being_published(
    shop: Database, bus: Bus
) -> None:
    """One known id refuses the atomic batch (10201); one by one, in order, the rest is stored and nothing twice."""
    events = [event(f"pur_{number % 7}") for number in range(50)]
    await publish(bus, [to_message(events[20])])
    await happened(shop, *events)
    async with running(drainer(shop, bus).run):
        await eventually(lambda: has_stored(bus, 50))
        await eventually(lambda: _are_cursors_at_the_end(shop))
    rest = [one.id for one in events if one is not events[20]]
    assert await stored_ids(bus) == [events[20].id, *rest]


async def test_a_crash_between_publishing_and_moving_the_cursor_publishes_nothing_twice(
    shop: Database, bus: Bus
) -> None:
    """The next drainer reads the same rows again, and the duplicate window drops them."""
    events = [event(f"pur_{number}") for number in range(30)]
    await happened(shop, *events)
    await publish(bus, [to_message(one) for one in events])
    async with running(drainer(shop, bus).run):
        await eventually(lambda: _are_cursors_at_the_end(shop))
    assert await count_stored(bus) == 30


async def test_how_long_each_event_took_to_be_stored_is_told(shop: Database, bus: Bus) -> None:
    """From its own instant, which here was an hour ago for one of two."""
    name, labels = "cashback_outbox_publish_seconds", {"schema": SCHEMA}
    before = [REGISTRY.get_sample_value(f"{name}_{what}", labels) or 0.0 for what in ("count", "sum")]
    late = msgspec.structs.replace(event(), time=datetime.now(UTC) - timedelta(hours=1))
    async with running(drainer(shop, bus).run):
        await happened(shop, event(), late)
        await eventually(lambda: _are_cursors_at_the_end(shop))
    after = [REGISTRY.get_sample_value(f"{name}_{what}", labels) or 0.0 for what in ("count", "sum")]
    assert after[0] - before[0] == 2
    assert after[1] - before[1] == pytest.approx(3_600, abs=60)


async def test_of_a_large_batch_some_are_timed_from_its_first_to_its_last(shop: Database, bus: Bus) -> None:
    """About sixteen, evenly spread: to time each of five hundred would cost the relay more than it tells."""
    name = "cashback_outbox_publish_seconds_count"
    before = REGISTRY.get_sample_value(name, {"schema": SCHEMA}) or 0.0
    await happened(shop, *(event(f"pur_{number}") for number in range(400)))
    async with running(drainer(shop, bus).run):
        await eventually(lambda: _are_cursors_at_the_end(shop))
    assert 16 <= (REGISTRY.get_sample_value(name, {"schema": SCHEMA}) or 0.0) - before <= 4 * 31


async def test_a_zombies_cursor_write_is_a_no_op(shop: Database) -> None:
    """Whoever slept through its lease moves nothing, and learns that it holds nothing."""
    await happened(shop, event("pur_1"))
    zombie = Lanes(schema=SCHEMA, holder="same name", ttl_s=0.05)
    heir = Lanes(schema=SCHEMA, holder="same name", ttl_s=10)
    async with shop.session() as session:
        await zombie.acquire(session)
        assert len(zombie.held) == 4
        await eventually(lambda: _acquires(heir, shop))
        before = await rows(shop, f"select outbox_cursors::text from {SCHEMA}.outbox_cursors order by partition")
        await zombie.advance(session, dict.fromkeys(range(4), 1_000))
        assert zombie.held == {}
        assert (
            await rows(shop, f"select outbox_cursors::text from {SCHEMA}.outbox_cursors order by partition") == before
        )
        await zombie.release(session)
        await heir.advance(session, {partition_of("pur_1"): 1})
    assert len(heir.held) == 4
    assert heir.held[partition_of("pur_1")].position == 1


async def test_a_live_lease_is_not_taken(shop: Database) -> None:
    """A second drainer takes nothing that is held, and gets the lanes at once when they are given back."""
    first = Lanes(schema=SCHEMA, holder="first", ttl_s=10)
    second = Lanes(schema=SCHEMA, holder="second", ttl_s=10)
    async with shop.session() as session:
        await first.acquire(session)
        tokens = {lane.token for lane in first.held.values()}
        await first.acquire(session)
        assert {lane.token for lane in first.held.values()} == tokens
        await second.acquire(session)
        assert (len(first.held), len(second.held)) == (4, 0)
        await first.release(session)
        await second.acquire(session)
    assert len(second.held) == 4


async def test_at_the_end_of_a_backlog_the_cursors_follow_at_once(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the time nor the number of events after which they would is waited for, nor a renewal."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.drainer.UNWRITTEN_MAX_S", 3_600.0)
    monkeypatch.setattr(Lanes, "is_due", property(lambda lanes: not lanes.held))
    await happened(shop, *[event(f"pur_{number}") for number in range(700)])
    async with running(drainer(shop, bus).run):
        await eventually(lambda: _are_cursors_at_the_end(shop))
    assert await count_stored(bus) == 700


async def test_a_drainer_that_stops_gives_its_lanes_back(shop: Database, bus: Bus) -> None:
    """A rolling restart costs no lease time."""
    async with running(drainer(shop, bus).run):
        await happened(shop, event())
        await eventually(lambda: has_stored(bus, 1))
    assert await rows(shop, f"select distinct expires_at = '-infinity' from {SCHEMA}.outbox_cursors") == [(True,)]


async def test_lanes_are_read_in_the_order_of_positions(shop: Database) -> None:
    """The merge of four lanes is the order in which the transactions committed, up to the limit."""
    for number in range(12):
        await happened(shop, event(f"pur_{number}"))
    lanes = Lanes(schema=SCHEMA, holder="reader", ttl_s=10)
    async with shop.session() as session:
        await lanes.acquire(session)
        found = await pending(session, schema=SCHEMA, lanes=list(lanes.held.values()), limit=10)
    assert [row.position for row in found] == list(range(1, 11))


async def test_of_a_day_without_statistics_no_more_is_fetched_than_is_read(shop: Database) -> None:
    """PostgreSQL takes a new day for small: left alone it fetches and sorts all that waits in it, for each batch."""
    await happened(shop, *[event(f"pur_{number}") for number in range(5_000)])
    lanes = [Lane(partition=number, position=0, token=0) for number in range(4)]
    async with shop.session() as session:
        await go_by_index(session)
        assert len(await pending(session, schema=SCHEMA, lanes=lanes, limit=500)) == 500
        await session.execute("select pg_stat_force_next_flush()")
        cursor = await session.execute(
            """
            select sum(idx_tup_fetch + seq_tup_read)
            from pg_stat_user_tables
            where relname like 'outbox_events%'
            """
        )
        ((fetched,),) = await cursor.fetchall()
    assert 500 <= fetched < 600


async def test_a_lane_is_read_alone_where_another_relay_holds_the_rest(shop: Database) -> None:
    """Any share of the lanes can be held; what is read is what they hold."""
    for number in range(12):
        await happened(shop, event(f"pur_{number}"))
    expected = [row[0] for row in await rows(shop, f"select position from {SCHEMA}.outbox_events where partition = 1")]
    async with shop.session() as session:
        found = await pending(session, schema=SCHEMA, lanes=[Lane(partition=1, position=0, token=0)], limit=10)
    assert 0 < len(found) == len(expected)
    assert [row.position for row in found] == sorted(expected)


async def _acquires(lanes: Lanes, database: Database) -> bool:
    """Tell whether all lanes can be had now."""
    async with database.session() as session:
        await lanes.acquire(session)
    return len(lanes.held) == 4


async def _are_cursors_at_the_end(database: Database) -> bool:
    """Tell whether nothing is left beyond the cursors."""
    left = await rows(
        database,
        f"select count(*) from {SCHEMA}.outbox_events join {SCHEMA}.outbox_cursors using (partition)"
        " where outbox_events.position > outbox_cursors.position",
    )
    return left == [(0,)]


def _statements() -> float:
    """Return how many statements the drainers of this process have made."""
    return REGISTRY.get_sample_value("cashback_outbox_statements_total", {"schema": SCHEMA}) or 0.0
