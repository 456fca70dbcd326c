"""Replay: everything is seen again, and nothing changes."""

from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, BusUnavailable, publish
from cashback.kernel.bus.replay import count, publish_again, replay
from cashback.kernel.db import Database
from cashback.kernel.outbox.drain import Drainer
from cashback.kernel.outbox.replay import count_outbox, replay_outbox
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import consumer, work_off
from tests.integration.backbone.world import (
    SCHEMA,
    TYPE,
    applied,
    count_applied,
    count_stored,
    event,
    eventually,
    happened,
    prepare,
    rows,
    running,
    stored,
    stored_ids,
    to_message,
)
from tests.support.servers import Databases

READ_AHEAD: Final = 1_500
"""What may have been sent to a reader by the time that it looks at the first batch."""
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.invariant("I5")
async def test_replaying_the_stream_from_the_beginning_changes_nothing(shop: Database, bus: Bus) -> None:
    """Every event is delivered again, in order and as it was, and every inbox knows it."""
    events = [event(f"pur_{number % 9}") for number in range(700)]
    await publish(bus, [to_message(one) for one in events])
    await work_off(bus, consumer(shop, bus))
    before = await applied(shop), await rows(shop, f"select * from {SCHEMA}.inbox order by event_id")
    looked: list[tuple[int, int]] = []
    report = await replay(bus, start=1, progress=lambda done, total: looked.append((done, total)))
    assert (report.events, report.first_sequence, report.last_sequence) == (700, 1, 700)
    assert looked[-1] == (700, 700)
    await work_off(bus, consumer(shop, bus))
    assert (await applied(shop), await rows(shop, f"select * from {SCHEMA}.inbox order by event_id")) == before
    ids = await stored_ids(bus)
    assert ids[700:] == ids[:700] == [one.id for one in events]


@pytest.mark.deep
async def test_a_replay_that_hears_no_more_says_so_and_does_not_pass_for_a_whole_one(
    broker: EmbeddedNats, bus: Bus
) -> None:
    """Silence in the middle is no end: with three servers the reader dies with the one that it is on."""
    await publish(bus, [to_message(event(f"pur_{number}")) for number in range(READ_AHEAD + 500)])
    try:
        with pytest.raises(BusUnavailable):
            await replay(bus, start=1, dry_run=True, progress=lambda _done, _total: broker.pause())
    finally:
        broker.resume()


@pytest.mark.deep
@pytest.mark.parametrize("start", [1, LONG_AGO], ids=["sequence", "time"])
async def test_a_replay_of_what_there_is_none_of_ends_well(bus: Bus, start: int | datetime) -> None:
    """It hears nothing either, and there is nothing."""
    await publish(bus, [to_message(event())])
    assert (await replay(bus, start=start, types=("nothing.of.the.kind",))).events == 0


async def test_a_replayed_event_is_the_event_but_for_its_message_id(shop: Database, bus: Bus) -> None:
    """A consumer that has never seen it cannot tell the difference, except by the header that says so."""
    await publish(bus, [to_message(event("Käse", data=b"{}"))])
    await replay(bus, start=1)
    original, copy = await stored(bus)
    assert (copy["subject"], copy["data"]) == (original["subject"], original["data"])
    assert copy["headers"].pop("replay-of") == "1"
    assert copy["headers"].pop("Nats-Msg-Id").startswith(original["headers"].pop("Nats-Msg-Id") + "+")
    assert copy["headers"] == original["headers"]


async def test_a_second_replay_does_not_repeat_the_first(shop: Database, bus: Bus) -> None:
    """Copies whose originals are in the range are left out, so the stream does not double each time."""
    await publish(bus, [to_message(event(f"pur_{number}")) for number in range(5)])
    assert (await replay(bus, start=1)).events == 5
    assert (await replay(bus, start=1)).events == 5
    # From sequence 6 on there are only copies, and their originals are not in the range.
    assert (await replay(bus, start=6)).events == 10


async def test_a_dry_run_counts_and_publishes_nothing(shop: Database, bus: Bus) -> None:
    """An operator may look before the leap."""
    await publish(bus, [to_message(event()) for _ in range(3)])
    report = await replay(bus, start=2, dry_run=True)
    assert (report.events, report.dry_run) == (2, True)
    assert await count_stored(bus) == 3


async def test_what_is_counted_is_what_is_published_again(shop: Database, bus: Bus) -> None:
    """By type, and no further than the end that was counted: what comes meanwhile is nobody's replay."""
    await publish(bus, [to_message(event(type_=type_)) for type_ in ("b.done", "a.done", "b.done")])
    found = await count(bus, start=1)
    assert (found.events, found.types, found.dry_run) == (3, {"a.done": 1, "b.done": 2}, True)
    await publish(bus, [to_message(event(type_="a.done"))])
    told: list[tuple[int, int]] = []
    done = await publish_again(bus, found, progress=lambda *reached: told.append(reached))
    assert (done.events, done.types, done.dry_run) == (3, found.types, False)
    assert told[-1] == (3, 3)
    assert await count_stored(bus) == 7


async def test_a_replay_can_be_limited_to_types(shop: Database, bus: Bus) -> None:
    """Only those are published again."""
    await publish(bus, [to_message(event(type_=type_)) for type_ in ("a.done", "b.done", "a.done")])
    assert (await replay(bus, start=1, types=("a.done",))).events == 2
    assert [message["headers"]["ce-type"] for message in await stored(bus)][3:] == ["a.done", "a.done"]


async def test_a_replay_can_start_from_a_time(shop: Database, bus: Bus) -> None:
    """The time is that of the broker's storing; after the last one there is nothing to replay."""
    await publish(bus, [to_message(event())])
    await publish(bus, [to_message(event())])
    second = (await stored(bus))[1]
    stored_at = event().time.fromisoformat(second["time"][:26] + "+00:00")
    assert (await replay(bus, start=stored_at, dry_run=True)).events == 1
    assert (await replay(bus, start=stored_at - timedelta(hours=1), dry_run=True)).events == 2
    assert (await replay(bus, start=stored_at + timedelta(hours=1), dry_run=True)).events == 0


async def test_an_empty_stream_replays_to_nothing(shop: Database, bus: Bus) -> None:
    """There is no first sequence, and that is no error."""
    assert (await replay(bus, start=1)).events == 0


@pytest.mark.invariant("I5")
async def test_after_a_wiped_broker_the_outbox_brings_everything_back(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """Half was applied before the loss and half was not: afterwards all of it is, once."""
    first = [event(f"pur_{number}") for number in range(20)]
    second = [event(f"pur_{number}") for number in range(20)]
    async with running(Drainer(shop, bus, schema=SCHEMA, holder="relay").run):
        await happened(shop, *first)
        await eventually(lambda: _has_stored(bus, 20))
        await work_off(bus, consumer(shop, bus))
        await happened(shop, *second)
        await eventually(lambda: _has_stored(bus, 40))
    broker.stop()
    broker.wipe()
    broker.start()
    assert await bus.wait_connected(at_most_s=10)
    assert await replay_outbox(shop, bus, schema=SCHEMA, dry_run=True) == 40
    assert await replay_outbox(shop, bus, schema=SCHEMA) == 40
    await work_off(bus, consumer(shop, bus))
    assert await count_applied(shop) == 40
    order = [
        row[0] for row in await rows(shop, f"select event_id from {SCHEMA}.outbox_events order by partition, position")
    ]
    assert await stored_ids(bus) == order


async def test_the_outbox_replays_only_what_was_published_and_asked_for(shop: Database, bus: Bus) -> None:
    """What lies beyond the cursors is the drainer's; times and types narrow it down."""
    early, late, other = event(), event(), event(type_="b.done")
    async with running(Drainer(shop, bus, schema=SCHEMA, holder="relay").run):
        await happened(shop, early, late, other)
        await eventually(lambda: _has_stored(bus, 3))
    await happened(shop, event())
    assert await replay_outbox(shop, bus, schema=SCHEMA, dry_run=True) == 3
    assert await replay_outbox(shop, bus, schema=SCHEMA, since=late.time, dry_run=True) == 2
    assert await count_outbox(shop, schema=SCHEMA) == {TYPE: 2, "b.done": 1}
    assert await count_outbox(shop, schema=SCHEMA, since=late.time) == {TYPE: 1, "b.done": 1}
    assert await count_outbox(shop, schema=SCHEMA, types=("b.done",)) == {"b.done": 1}
    assert await replay_outbox(shop, bus, schema=SCHEMA, types=("b.done",)) == 1
    assert await stored_ids(bus) == [early.id, late.id, other.id, other.id]


async def test_no_statement_of_a_replay_looks_at_more_than_a_stretch_of_the_outbox(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is kept: none runs into its time for the want of a rare type, and what is found is the same."""
    events = [event(f"pur_{number % 7}", type_="b.done" if number % 50 == 0 else TYPE) for number in range(200)]
    async with running(Drainer(shop, bus, schema=SCHEMA, holder="relay").run):
        await happened(shop, *events)
        await eventually(lambda: _has_stored(bus, 200))
    ((last,),) = await rows(shop, f"select max(position) from {SCHEMA}.outbox_events")
    monkeypatch.setattr("cashback.kernel.outbox.replay.STRETCH", 3)
    statements = [Asked(), Asked()]
    with statements[0]:
        assert await count_outbox(shop, schema=SCHEMA) == {TYPE: 196, "b.done": 4}
    with statements[1]:
        assert await replay_outbox(shop, bus, schema=SCHEMA, types=("b.done",)) == 4
    assert [one.count >= last // 3 for one in statements] == [True, True]
    again = (await stored_ids(bus))[200:]
    assert sorted(again) == sorted(one.id for one in events if one.type == "b.done")
    assert await replay_outbox(shop, bus, schema=SCHEMA) == 200
    order = [row[0] for row in await rows(shop, f"select event_id from {SCHEMA}.outbox_events order by 1")]
    assert sorted((await stored_ids(bus))[204:]) == order


async def test_a_replay_finds_a_stretch_of_the_outbox_by_its_positions(databases: Databases, bus: Bus) -> None:
    """And never by reading a whole day, once for each stretch of it, as the planner would have it of small ones."""
    scans = (
        "select coalesce(sum(seq_scan), 0), coalesce(sum(idx_scan), 0) from pg_stat_user_tables"
        " where relname like 'outbox_events_%%'"
    )
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with Database.open(dsn, name="writer") as writer:
            await happened(writer, *(event(f"pur_{number}") for number in range(200)))
            await rows(writer, f"update {SCHEMA}.outbox_cursors set position = 1000")
            async with Database.open(dsn, name="reader") as reader:
                assert await count_outbox(reader, schema=SCHEMA) == {TYPE: 200}
                assert await replay_outbox(reader, bus, schema=SCHEMA) == 200

            async def has_told() -> bool:
                """Tell whether the reader's backend, which has ended, has said what it did."""
                return bool((await rows(writer, scans))[0][1])

            await eventually(has_told)
            assert (await rows(writer, scans))[0][0] == 0


class Asked:
    """How many answers the databases gave while the block lasted."""

    count = 0

    def __enter__(self) -> None:
        """Begin to count."""
        self._before = self._answers()

    def __exit__(self, *_: object) -> None:
        """Have counted."""
        self.count = int(self._answers() - self._before)

    @staticmethod
    def _answers() -> float:
        """Return how many there were in this process."""
        labels = {"db_system_name": "postgresql", "error_type": ""}
        return REGISTRY.get_sample_value("db_client_operation_duration_seconds_count", labels) or 0.0


async def _has_stored(bus: Bus, count: int) -> bool:
    """Tell whether the stream holds `count` messages."""
    return await count_stored(bus) == count
