"""What a failing event holds up: all of its own key, with every worker, and nothing of any other."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from cashback.kernel import inbox
from cashback.kernel.bus import Backoff, Bus, Delivery, Retry, dead_letters, publish
from cashback.kernel.bus.errors import BusUnavailable
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken
from cashback.kernel.outbox import Event
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import Script, are_done, consumer, have_applied, some, work_off
from tests.integration.backbone.world import SCHEMA, applied, apply, event, eventually, rows, running, to_message

FOR_LONG = Retry(backoff=Backoff(base_s=3_600.0, cap_s=3_600.0))
"""What failed once is due long after the test."""

TRANSACTIONS_MAX = 40
"""For a thousand events beside a hundred poison keys: five where each fetch is full."""


@pytest.mark.invariant("I6")
async def test_an_event_that_fails_holds_back_its_own_key_and_no_other(shop: Database, bus: Bus) -> None:
    """What came after it follows once it is applied; of these, whichever the broker brings first."""
    first, second, third = event("pur_1"), event("pur_1"), event("pur_1")
    others = [event(f"other_{number}") for number in range(20)]

    async def fail(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and fail with the first event until all of the others are applied, before it and without it."""
        cursor = await tx.execute(f"select count(*) from {SCHEMA}.effects where key like 'other%'")
        await apply(tx, deliveries)
        if first.id in [delivery.id for delivery in deliveries] and await cursor.fetchone() != (len(others),):
            raise ValueError

    await publish(bus, [to_message(one) for one in (first, *others, second, third)])
    endlessly = Retry(attempts_max=10_000, backoff=Backoff(base_s=0.02, cap_s=0.2))
    await work_off(bus, consumer(shop, bus, handler=fail, retry=endlessly))
    order = await applied(shop)
    assert order[:21] == [one.id for one in (*others, first)]
    assert sorted(order[21:]) == sorted([second.id, third.id])
    assert await noted(shop) == []


@pytest.mark.invariant("I6")
async def test_two_workers_hold_back_the_same_key(shop: Database, bus: Bus) -> None:
    """One of them saw it fail, and the other one knows."""
    poison, follower, other = event("pur_1"), event("pur_1"), event("pur_2")
    await publish(bus, [to_message(poison)])
    async with running(consumer(shop, bus, handler=Script({poison.id: [ValueError("no")]}), retry=FOR_LONG).run):
        await eventually(lambda: has_noted(shop, 1))
    await publish(bus, [to_message(one) for one in (follower, other)])
    async with running(consumer(shop, bus, retry=FOR_LONG).run):
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: are_put_back(bus, 2))
    assert await applied(shop) == [other.id]


async def test_a_key_goes_on_once_its_event_is_a_dead_letter(shop: Database, bus: Bus) -> None:
    """One poison does not stand in a purchase's way for ever: handlers are right in any order."""
    poison, follower = event("pur_1"), event("pur_1")
    await publish(bus, [to_message(one) for one in (poison, follower)])
    await work_off(bus, consumer(shop, bus, handler=Script({poison.id: [ValueError("no")]})))
    assert await applied(shop) == [follower.id]
    assert [letter.event_id for letter in await dead_letters.page(bus, limit=10)] == [poison.id]
    assert await noted(shop) == []


async def test_a_hundred_poison_keys_and_all_that_waits_for_them_leave_the_others_flowing(
    shop: Database, bus: Bus
) -> None:
    """More is put back than the broker once let be unanswered, and everything else is applied in batches as ever.

    Each event is brought once: what waits takes no part of what the others are given. Each poison costs its isolation.
    """
    poison = [event(f"bad_{number}") for number in range(100)]
    waiting = [event(f"bad_{number % 100}") for number in range(2_400)]
    others = some(1_000)
    script = Script({one.id: [ValueError("no")] for one in poison})
    await publish(bus, [to_message(one) for one in (*poison, *waiting, *others)])
    async with running(consumer(shop, bus, handler=script, retry=FOR_LONG).run):
        await eventually(lambda: have_applied(shop, 1_000))
        await eventually(lambda: are_put_back(bus, 2_500))
        assert (await bus.api("CONSUMER.INFO.CASHBACK.ledger"))["delivered"]["consumer_seq"] == 3_500
    assert sorted(await applied(shop)) == sorted(one.id for one in others)
    assert {key for key, *_ in await noted(shop)} == {one.key for one in poison}
    ids = {one.id for one in others}
    assert sum(not ids.isdisjoint(tried) for tried, _ in script.seen) <= TRANSACTIONS_MAX
    assert len(script.seen) <= TRANSACTIONS_MAX + 3 * len(poison)


async def test_failures_are_counted_over_restarts_and_workers(shop: Database, bus: Bus) -> None:
    """Five times, whoever tried: two workers side by side, after two that were stopped."""
    poison = event("pur_poison")
    script = Script({poison.id: [ValueError("no such thing")]})
    await publish(bus, [to_message(poison)])
    for failures in (1, 2):
        async with running(consumer(shop, bus, handler=script).run):
            await eventually(partial(has_noted, shop, failures))
    async with running(consumer(shop, bus, handler=script).run, consumer(shop, bus, handler=script).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.attempts, len(script.seen)) == (5, 5)


async def test_a_failure_of_an_event_that_never_comes_again_stops_blocking(shop: Database, bus: Bus) -> None:
    """The broker was wiped, or the event aged out: a minute after it was due its key flows, in an hour it goes."""
    lapsed, held = event("pur_lapsed"), event("pur_held")
    await plant(shop, lapsed.key, overdue_s=inbox.LAPSES_AFTER_S + 1)
    await plant(shop, held.key, overdue_s=inbox.LAPSES_AFTER_S - 30)
    await publish(bus, [to_message(one) for one in (held, lapsed)])
    async with running(consumer(shop, bus, retry=FOR_LONG).run):
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: are_put_back(bus, 1))
    assert await applied(shop) == [lapsed.id]
    async with shop.transaction() as tx:
        assert await inbox.forget_lapsed(tx, schema=SCHEMA, consumer="ledger", after_s=inbox.LAPSES_AFTER_S) == 1
    assert [key for key, *_ in await noted(shop)] == [held.key]


async def test_an_event_takes_the_place_of_one_whose_failure_has_lapsed(shop: Database, bus: Bus) -> None:
    """Its failures are counted from one, and the other's history is none of its own."""
    poison = event("pur_1")
    await plant(shop, poison.key, overdue_s=inbox.LAPSES_AFTER_S + 1, attempts=4)
    await publish(bus, [to_message(poison)])
    script = Script({poison.id: [ValueError("no")]})
    async with running(consumer(shop, bus, handler=script, retry=FOR_LONG).run):
        await eventually(lambda: are_put_back(bus, 1))
    ((key, event_id, attempts, history),) = await noted(shop)
    assert (key, event_id, attempts, [entry["error"] for entry in history]) == ("pur_1", poison.id, 1, ["ValueError"])


async def test_after_a_wiped_broker_no_event_inherits_anothers_failures(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """The new stream counts from 1 again, and what stands there has never failed."""
    poison, successor = event("pur_1"), event("pur_2")
    script = Script({poison.id: [ValueError("no")], successor.id: [ValueError("not yet")] * 4})
    script.runs_out(successor.id)
    await publish(bus, [to_message(poison)])
    slowly = Retry(backoff=Backoff(base_s=0.02, cap_s=3_600.0), attempts_max=5)
    async with running(consumer(shop, bus, handler=script, retry=slowly).run):
        await eventually(lambda: has_noted(shop, 3))
        broker.stop()
        broker.wipe()
        broker.start()
        await eventually(lambda: _publishes(bus, successor))
        await eventually(lambda: have_applied(shop, 1))
        assert await dead_letters.page(bus, limit=10) == []
    assert await applied(shop) == [successor.id]


async def test_a_violated_invariant_stops_the_consumer_once_the_events_beside_it_are_settled(
    shop: Database, bus: Bus
) -> None:
    """The one to blame is noted, so that whoever is paged finds it; it is neither applied nor given up."""
    bad, *others = events = some(20)
    await publish(bus, [to_message(one) for one in events])
    script = Script({bad.id: [Broken("the books do not balance")]})
    with pytest.raises(Broken, match="books"):
        await consumer(shop, bus, handler=script).run(asyncio.Event())
    assert await applied(shop) == [one.id for one in others]
    ((key, event_id, attempts, history),) = await noted(shop)
    assert (key, event_id, attempts) == (bad.key, bad.id, 1)
    assert (history[0]["error"], history[0]["reason"]) == ("Broken", "the books do not balance")
    assert await dead_letters.page(bus, limit=10) == []


async def plant(database: Database, key: str, *, overdue_s: float, attempts: int = 1) -> None:
    """Note the failure of an event that nobody will see again."""
    await rows(
        database,
        f"""
        insert into {SCHEMA}.inbox_failures (consumer, key, event_id, attempts, retry_at, history)
        values ('ledger', %s, 'evt_gone', %s, now() - make_interval(secs => %s), %s::jsonb)
        """,
        key,
        attempts,
        overdue_s,
        '[{"at": "2026-01-01T00:00:00Z", "error": "Old", "reason": "long ago", "worker": "w"}]',
    )


async def noted(database: Database) -> list[tuple[str, str, int, list[dict[str, str]]]]:
    """Return the failures: key, event, how many, and each of them."""
    return await rows(database, f"select key, event_id, attempts, history from {SCHEMA}.inbox_failures order by key")


async def has_noted(database: Database, attempts: int) -> bool:
    """Tell whether an event has failed so often, or more often."""
    return any(count >= attempts for _, _, count, _ in await noted(database))


async def are_put_back(bus: Bus, count: int) -> bool:
    """Tell whether exactly so many deliveries of the consumer are unanswered or not due yet, and none is to come."""
    try:
        info = await bus.api("CONSUMER.INFO.CASHBACK.ledger")
    except BusUnavailable:
        return False
    return (info["num_ack_pending"], info["num_pending"]) == (count, 0)


async def _publishes(bus: Bus, *events: Event) -> bool:
    """Tell whether the events could be published, on streams made if need be."""
    try:
        await bus.apply_streams()
        await publish(bus, [to_message(one) for one in events])
    except BusUnavailable:
        return False
    return True
