"""A handler that needs order: one worker has a partition, and its events are applied as they stand in the stream."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cashback.kernel.bus import Bus, BusUnavailable, Delivery, OrderedConsumer, dead_letters, publish
from cashback.kernel.bus.message import Message
from cashback.kernel.bus.streams import event_subject
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, Invalid
from cashback.kernel.failpoints import Point, watching
from cashback.kernel.outbox import PARTITIONS, Event, partition_of
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import Script, are_done, assert_in_order, have_applied, ordered, some
from tests.integration.backbone.world import (
    SCHEMA,
    TYPE,
    applied,
    apply,
    count_applied,
    event,
    eventually,
    prepare,
    rows,
    running,
    to_message,
)
from tests.integration.chain.forwarder import Forwarder
from tests.support.servers import Databases

TAKEN_OVER_WITHIN_S: Final = 5.0
KEY: Final = "pur_1"
NEIGHBOUR: Final = next(key for key in (f"pur_{n}" for n in range(2, 99)) if partition_of(key) == partition_of(KEY))
"""Another key of the same partition."""


@pytest.mark.invariant("I5", "I6")
async def test_an_ordered_handler_sees_each_partition_in_order_through_an_outage(
    databases: Databases, bus: Bus, broker: EmbeddedNats
) -> None:
    """The database goes away in the middle of it, and the broker is killed: what was in hand comes first again."""
    events = some(240)
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        async with (
            Forwarder.before(int(str(conninfo_to_dict(dsn)["port"]))) as ways,
            Database.open(make_conninfo(dsn, host="127.0.0.1", port=str(ways.port)), name="far") as far,
            Database.open(dsn, name="near") as near,
        ):
            script = Script()
            async with running(ordered(far, bus, handler=script, batch_max=4).run):
                await publish(bus, [to_message(one) for one in events[:160]])
                await eventually(lambda: _more_than(near, 20))
                ways.is_open = False
                ways.cut()
                await publish(bus, [to_message(one) for one in events[160:]])
                ways.is_open = True
                await eventually(lambda: _more_than(near, 80))
                broker.kill()
                broker.start()
                await eventually(lambda: have_applied(near, 240))
            assert_in_order(events, await applied(near))


@pytest.mark.invariant("I4", "I5", "I6")
async def test_of_two_ordered_workers_one_has_the_partition_and_the_other_takes_it_over_within_five_seconds(
    databases: Databases, bus: Bus, broker: EmbeddedNats
) -> None:
    """By kill -9, with events in hand and some that it had fetched and not begun: the heir begins behind its floor."""
    events = [event(KEY) for _ in range(40)]
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        await publish(bus, [to_message(one) for one in events])
        words = ("-m", "tests.integration.backbone.hanging_in_order", dsn, broker.url(), "6")
        child = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE, stderr=DEVNULL)
        assert child.stdout is not None
        while await child.stdout.readline() != b"taken\n":
            assert child.returncode is None
        async with Database.open(dsn, name="heir") as shop:
            script = Script()
            async with running(ordered(shop, bus, handler=script, holder="heir").run):
                await eventually(lambda: _has_tried(shop, "heir"))
                assert await count_applied(shop) == 6
                assert script.seen == []
                child.kill()
                await child.wait()
                await eventually(lambda: have_applied(shop, 40), within_s=TAKEN_OVER_WITHIN_S)
            assert await applied(shop) == [one.id for one in events]


@pytest.mark.invariant("I5", "I6")
async def test_a_zombie_of_an_ordered_consumer_applies_nothing(databases: Databases, bus: Bus) -> None:
    """Its partition was taken over when it had events in hand: the first word of its transaction finds that out."""
    tokens: list[int] = []
    stolen: list[int] = []

    async def witness(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and note under whose token."""
        cursor = await tx.execute(f"select token from {SCHEMA}.leases where name = 'consumer:orderly-{lane}'".encode())
        tokens.extend([row[0] for row in await cursor.fetchall()])
        await apply(tx, deliveries)

    def overtake(point: Point) -> None:
        """Have another worker hold the partition for a second, as soon as this one has events of it in hand."""
        if point == "batch.taken" and not stolen:
            with psycopg.connect(dsn) as connection:
                found = connection.execute(
                    f"update {SCHEMA}.leases set token = token + 1, holder = 'other',"
                    f" expires_at = clock_timestamp() + interval '1 s' where name = %s returning token".encode(),
                    (f"consumer:orderly-{lane}",),
                )
                stolen.extend(row[0] for row in found.fetchall())

    lane = partition_of(KEY)
    events = [event(KEY) for _ in range(3)]
    with databases.fresh(databases.template("backbone", prepare)) as dsn, watching(overtake):
        async with Database.open(dsn, name="zombie") as shop:
            await publish(bus, [to_message(one) for one in events])
            async with running(ordered(shop, bus, handler=witness).run):
                await eventually(lambda: have_applied(shop, 3))
            assert await applied(shop) == [one.id for one in events]
    assert min(tokens) > stolen[0]


@pytest.mark.invariant("I6")
async def test_an_event_that_fails_in_order_holds_back_its_own_key_and_no_other_of_its_partition(
    shop: Database, bus: Bus
) -> None:
    """It is tried again until it succeeds; what stands behind it under its key comes behind it."""
    failing, follower, other = event(KEY), event(KEY), event(NEIGHBOUR)
    script = Script({failing.id: [ValueError("not yet"), ValueError("not yet either")]})
    script.runs_out(failing.id)
    await publish(bus, [to_message(one) for one in (failing, follower, other)])
    async with running(ordered(shop, bus, handler=script).run):
        await eventually(lambda: have_applied(shop, 3))
        await eventually(lambda: _are_all_done(bus))
    assert await applied(shop) == [other.id, failing.id, follower.id]
    assert await rows(shop, f"select * from {SCHEMA}.inbox_failures") == []


async def test_a_poison_event_of_an_ordered_handler_becomes_a_dead_letter_and_its_key_goes_on(
    shop: Database, bus: Bus
) -> None:
    """What is rejected dies at once, what keeps failing after five attempts, and what is no event unread."""
    rejected, poison, follower = event(KEY), event(KEY), event(KEY)
    script = Script({rejected.id: [Invalid("never")], poison.id: [ValueError("no")]})
    noise = Message(
        subject=event_subject(TYPE, partition_of(KEY)), id="noise", key=KEY, headers=b"", data=b"not an event"
    )
    await publish(bus, [to_message(rejected), to_message(poison), noise, to_message(follower)])
    async with running(ordered(shop, bus, handler=script).run):
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: _are_all_done(bus))
    assert await applied(shop) == [follower.id]
    letters = await dead_letters.page(bus, limit=10)
    assert sorted((letter.event_id, letter.attempts, letter.consumer) for letter in letters) == sorted(
        [("", 1, "orderly"), (rejected.id, 1, "orderly"), (poison.id, 5, "orderly")]
    )


async def test_an_event_that_ends_the_workers_of_an_ordered_consumer_is_given_up(shop: Database, bus: Bus) -> None:
    """The first heir knows what was in hand, and whoever follows the fifth that died of it buries it untried."""
    deadly, follower = event(KEY), event(KEY)
    deaths: list[str] = []

    async def die(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and do not live to see it when the deadly one is among them."""
        await apply(tx, deliveries)
        if deadly.id in [delivery.id for delivery in deliveries]:
            deaths.append(deadly.id)
            raise Died

    await publish(bus, [to_message(one) for one in (deadly, follower)])
    for number in range(6):
        with pytest.raises(Died):
            await ordered(shop, bus, handler=die, holder=f"mortal {number}").run(asyncio.Event())
    async with running(ordered(shop, bus, handler=die, holder="heir").run):
        await eventually(lambda: have_applied(shop, 1))
    # Of the first nobody knew what it had died of.
    assert len(deaths) == 6
    assert await applied(shop) == [follower.id]
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.event_id, letter.attempts) == (deadly.id, 5)


async def test_a_broken_invariant_stops_an_ordered_worker_and_the_next_one_begins_with_it(
    shop: Database, bus: Bus
) -> None:
    """What stands before it is applied; it is noted, and neither answered nor given up."""
    before, contradiction, behind = event(KEY), event(KEY), event(KEY)
    await publish(bus, [to_message(one) for one in (before, contradiction, behind)])
    script = Script({contradiction.id: [Broken("this cannot be")]})
    with pytest.raises(Broken, match="this cannot be"):
        await ordered(shop, bus, handler=script).run(asyncio.Event())
    assert await applied(shop) == [before.id]
    noted = await rows(shop, f"select event_id, attempts from {SCHEMA}.inbox_failures")
    assert noted == [(contradiction.id, 1)]
    async with running(ordered(shop, bus, holder="next").run):
        await eventually(lambda: have_applied(shop, 3))
    assert await applied(shop) == [before.id, contradiction.id, behind.id]


async def test_an_ordered_consumer_begins_anew_with_a_wiped_broker(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """The places of the old stream mean nothing in the new one."""
    early, late = [event(KEY) for _ in range(5)], [event(KEY) for _ in range(3)]
    async with running(ordered(shop, bus).run):
        await publish(bus, [to_message(one) for one in early])
        await eventually(lambda: have_applied(shop, 5))
        broker.stop()
        broker.wipe()
        broker.start()
        await eventually(lambda: _publishes(bus, late))
        await eventually(lambda: have_applied(shop, 8))
    assert await applied(shop) == [one.id for one in (*early, *late)]


def test_an_ordered_consumer_without_types_is_refused(shop: Database, bus: Bus) -> None:
    """Each of its partitions would be given the events of all."""
    with pytest.raises(Broken, match="names the types"):
        OrderedConsumer(
            bus, shop, schema=SCHEMA, name="all", types=(), partitions=PARTITIONS, handler=apply, holder="first"
        )


class Died(BaseException):
    """A process came to its end here; nobody outlives it by catching exceptions."""


async def _more_than(database: Database, count: int) -> bool:
    """Tell whether more than `count` effects are there."""
    return await count_applied(database) > count


async def _publishes(bus: Bus, events: Sequence[Event]) -> bool:
    """Tell whether events were published, into streams that are made where they are missing."""
    try:
        await bus.apply_streams()
        await publish(bus, [to_message(one) for one in events])
    except BusUnavailable:
        return False
    return True


async def _are_all_done(bus: Bus) -> bool:
    """Tell whether the partition that the tests use has nothing left."""
    return await are_done(bus, f"orderly-{partition_of(KEY)}")


async def _has_tried(database: Database, holder: str) -> bool:
    """Tell whether a worker has asked for partitions: it does where it finds all in another's hands."""
    return (
        await rows(database, f"select 1 from {SCHEMA}.leases where name like 'asked:%%' and holder = %s", holder) != []
    )
