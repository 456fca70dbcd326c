"""Workers of two releases under one durable consumer: what the older one does not know is left to the newer one."""

from typing import Final

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, publish
from cashback.kernel.bus.durable import Durable, ensure_durable, remake_durable
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from cashback.kernel.outbox import partition_of
from tests.integration.backbone.loops import Script, are_done, consumer, have_applied, ordered
from tests.integration.backbone.world import applied, event, eventually, running, to_message

OLDER, NEWER = ("a.done",), ("a.done", "b.done")
KEY: Final = "pur_1"
PARTITION: Final = partition_of(KEY)
NEIGHBOUR: Final = next(key for key in (f"pur_{n}" for n in range(2, 99)) if partition_of(key) == PARTITION)
"""Another key of the same partition."""
ORDERLY: Final = f"orderly-{PARTITION}"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell of what was left all the time, and no longer than a moment after it was due."""
    monkeypatch.setattr("cashback.kernel.bus.watching.LOOK_EVERY_S", 0.05)
    monkeypatch.setattr("cashback.kernel.bus.leaving.LATE_S", 0.5)


@pytest.mark.invariant("I4", "I5")
async def test_an_older_worker_leaves_an_event_that_it_does_not_know_to_a_newer_one(shop: Database, bus: Bus) -> None:
    """It came first, was given it more than once, and neither applied nor acknowledged nor buried it."""
    known, unknown = event(type_="a.done"), event(type_="b.done")
    older = Script()
    await ensure_durable(bus, stream=EVENTS.name, name="ledger", types=NEWER)
    async with running(consumer(shop, bus, types=OLDER, handler=older).run):
        await eventually(lambda: has_asked(bus))
        await publish(bus, [to_message(one) for one in (known, unknown)])
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: was_left(bus, to_newer=1))
        async with running(consumer(shop, bus, types=NEWER).run):
            await eventually(lambda: have_applied(shop, 2))
            await eventually(lambda: are_done(bus))
    assert [ids for ids, _ in older.seen] == [[known.id]]
    assert await applied(shop) == [known.id, unknown.id]


@pytest.mark.invariant("I4")
async def test_an_older_worker_that_connects_again_takes_no_types_from_a_newer_one(shop: Database, bus: Bus) -> None:
    """The broker would go past events of these for good, whoever asks for them afterwards."""
    newer = event(type_="b.done")
    await ensure_durable(bus, stream=EVENTS.name, name="ledger", types=NEWER)
    async with running(consumer(shop, bus, types=OLDER).run):
        await eventually(lambda: has_asked(bus))
        await publish(bus, [to_message(one) for one in (newer, event(type_="a.done"))])
        await eventually(lambda: have_applied(shop, 1))
    async with running(consumer(shop, bus, types=NEWER).run):
        await eventually(lambda: have_applied(shop, 2))
    assert newer.id in await applied(shop)


async def test_a_durable_has_its_types_as_declared_and_behind_them_those_of_others(bus: Bus) -> None:
    """In whichever order releases come; a consumer of every event goes on being one."""
    for types, held in (
        (("b.done",), ["cashback.v1.b.done.*"]),
        (("a.done", "b.done"), ["cashback.v1.a.done.*", "cashback.v1.b.done.*"]),
        (("b.done", "a.done"), ["cashback.v1.b.done.*", "cashback.v1.a.done.*"]),
        (("a.done",), ["cashback.v1.b.done.*", "cashback.v1.a.done.*"]),
        (("c.done",), ["cashback.v1.c.done.*", "cashback.v1.b.done.*", "cashback.v1.a.done.*"]),
        ((), ["cashback.v1.>"]),
        (("a.done",), ["cashback.v1.>"]),
    ):
        await ensure_durable(bus, stream=EVENTS.name, name="ledger", types=types)
        config = (await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger"))["config"]
        assert config.get("filter_subjects", [config.get("filter_subject")]) == held


async def test_a_worker_tells_how_many_events_it_left_until_a_newer_one_has_them(shop: Database, bus: Bus) -> None:
    """Each is one, however often it came: they use up what may be unanswered, and then nothing is delivered."""
    await ensure_durable(bus, stream=EVENTS.name, name="ledger", types=NEWER)
    async with running(consumer(shop, bus, types=OLDER).run):
        unknown = [event(f"pur_{number}", type_="b.done") for number in range(3)]
        await publish(bus, [to_message(one) for one in (*unknown, event(type_="a.done"))])
        await eventually(lambda: tells_of_unknown(3))
        await eventually(lambda: was_left(bus, to_newer=3))
        await eventually(lambda: have_applied(shop, 1))
        assert await tells_of_unknown(3)
        async with running(consumer(shop, bus, types=NEWER).run):
            await eventually(lambda: have_applied(shop, 4))
            await eventually(lambda: tells_of_unknown(0))


@pytest.mark.invariant("I4", "I5", "I6")
async def test_an_older_ordered_worker_takes_no_types_from_a_newer_one_and_keeps_what_it_does_not_know_in_its_place(
    shop: Database, bus: Bus
) -> None:
    """What stands behind it of its key waits, what stands before it and other keys go on; the newer one has it next."""
    before, unknown, behind = (event(KEY, type_=type_) for type_ in ("a.done", "b.done", "a.done"))
    other = event(NEIGHBOUR, type_="a.done")
    await remake_durable(bus, Durable(ORDERLY, NEWER, PARTITION), stream=EVENTS.name)
    async with running(ordered(shop, bus, types=OLDER, holder="older").run):
        await publish(bus, [to_message(one) for one in (before, unknown, behind, other)])
        await eventually(lambda: have_applied(shop, 2))
        await eventually(lambda: tells_of_unknown(1, ORDERLY))
        assert await applied(shop) == [before.id, other.id]
    assert await tells_of_unknown(0, ORDERLY)
    async with running(ordered(shop, bus, types=NEWER, holder="newer").run):
        await eventually(lambda: have_applied(shop, 4))
    assert await applied(shop) == [before.id, other.id, unknown.id, behind.id]


async def test_a_durable_that_is_made_anew_has_its_types_and_those_of_others(bus: Bus) -> None:
    """As one that is brought to its configuration; of its own partition."""
    a, b, c = (f"cashback.v1.{type_}.{PARTITION}" for type_ in ("a.done", "b.done", "c.done"))
    for types, held in (
        (("b.done",), [b]),
        (("a.done", "b.done"), [a, b]),
        (("a.done",), [a, b]),
        (("c.done",), [c, a, b]),
    ):
        await remake_durable(bus, Durable(ORDERLY, types, PARTITION), stream=EVENTS.name)
        config = (await bus.api(f"CONSUMER.INFO.{EVENTS.name}.{ORDERLY}"))["config"]
        assert config.get("filter_subjects", [config.get("filter_subject")]) == held


async def tells_of_unknown(count: int, consumer_: str = "ledger") -> bool:
    """Tell whether so many events are said to be left to a newer worker."""
    return REGISTRY.get_sample_value("cashback_consumer_unknown_events", {"consumer": consumer_}) == count


async def has_asked(bus: Bus) -> bool:
    """Tell whether the worker is there: it has made or looked at the durable, and waits for events."""
    return int((await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger"))["num_waiting"]) > 0


async def was_left(bus: Bus, *, to_newer: int) -> bool:
    """Tell whether so many events were given out more than once and are not answered for good."""
    info = await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger")
    return (int(info["num_redelivered"]), int(info["num_ack_pending"])) == (to_newer, to_newer)
