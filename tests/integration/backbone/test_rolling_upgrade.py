"""Workers of two releases under one durable consumer: what the older one does not know is left to the newer one."""

import pytest

from cashback.kernel.bus import Bus, publish
from cashback.kernel.bus.durable import ensure_durable
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from tests.integration.backbone.loops import Script, are_done, consumer, have_applied
from tests.integration.backbone.world import applied, event, eventually, running, to_message

OLDER, NEWER = ("a.done",), ("a.done", "b.done")


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


async def has_asked(bus: Bus) -> bool:
    """Tell whether the worker is there: it has made or looked at the durable, and waits for events."""
    return int((await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger"))["num_waiting"]) > 0


async def was_left(bus: Bus, *, to_newer: int) -> bool:
    """Tell whether so many events were given out more than once and are not answered for good."""
    info = await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger")
    return (int(info["num_redelivered"]), int(info["num_ack_pending"])) == (to_newer, to_newer)
