"""The consumers' half of the backbone under faults: whatever dies, hangs or is away, every event is applied once."""

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from cashback.kernel.bus import Bus, BusUnavailable, Delivery, publish
from cashback.kernel.bus.durable import ACK_WAIT_S
from cashback.kernel.db import Database, Tx
from cashback.kernel.lifecycle.stopping import until_stopped
from cashback.kernel.outbox import Event
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import are_done, consumer, have_applied, some
from tests.integration.backbone.world import applied, apply, count_applied, event, eventually, rows, running, to_message

NEVER_S = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""


async def test_a_consumer_that_is_stopped_rolls_back_what_hangs_and_gives_it_back(shop: Database, bus: Bus) -> None:
    """It ends, nothing is half done, and another one applies the event without waiting for the acknowledgement."""
    started, cut_off = asyncio.Event(), asyncio.Event()

    async def hang(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and never come to the end by itself."""
        await apply(tx, deliveries)
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    await publish(bus, [to_message(event())])
    async with running(consumer(shop, bus, handler=hang).run) as stop:
        await started.wait()
        assert not cut_off.is_set()
        stop.set()
    assert cut_off.is_set()
    assert await count_applied(shop) == 0
    async with running(consumer(shop, bus).run):
        await eventually(lambda: have_applied(shop, 1), within_s=ACK_WAIT_S - 2)


async def test_an_idle_consumer_stops_at_once(shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to finish, and it ends by itself: nobody cuts it off here."""
    monkeypatch.setattr("cashback.kernel.bus.consume.until_stopped", partial(until_stopped, grace_s=NEVER_S))
    async with running(consumer(shop, bus).run) as stop:
        await eventually(lambda: are_done(bus))
        stop.set()
    assert await count_applied(shop) == 0


@pytest.mark.invariant("I5")
async def test_a_broker_killed_in_mid_flow_costs_repetitions_and_nothing_else(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """Acknowledgements and requests get lost with it; every event is applied once."""
    events = some(400)
    await publish(bus, [to_message(one) for one in events])
    async with running(consumer(shop, bus, batch_max=16).run):
        await eventually(lambda: _more_than(shop, 50))
        broker.kill()
        broker.start()
        await eventually(lambda: have_applied(shop, 400), within_s=60)
    assert sorted(await applied(shop)) == sorted(one.id for one in events)


@pytest.mark.invariant("I5")
async def test_database_connections_that_are_killed_cost_repetitions_and_nothing_else(shop: Database, bus: Bus) -> None:
    """Every backend is terminated, three times over."""
    events = some(200)
    async with running(consumer(shop, bus, batch_max=8).run):
        for start in range(0, 200, 50):
            await publish(bus, [to_message(one) for one in events[start : start + 50]])
            await rows(
                shop,
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()",
            )
        await eventually(lambda: have_applied(shop, 200))
        await eventually(lambda: are_done(bus))
    assert sorted(await applied(shop)) == sorted(one.id for one in events)


async def test_a_consumer_starts_without_a_broker_and_without_its_stream_and_waits(
    shop: Database, broker: EmbeddedNats
) -> None:
    """Nobody has to be started in the right order."""
    broker.stop()
    async with Bus.connect(broker.url(), name="early") as bus, running(consumer(shop, bus).run):
        broker.start()
        await eventually(lambda: _publishes(bus, event()))
        await eventually(lambda: have_applied(shop, 1))


async def test_a_consumer_outlives_the_wiping_of_the_broker(shop: Database, bus: Bus, broker: EmbeddedNats) -> None:
    """Stream and consumer are made anew, and answers to deliveries of the old one never reach the new one."""
    async with running(consumer(shop, bus).run):
        await publish(bus, [to_message(one) for one in some(5)])
        await eventually(lambda: have_applied(shop, 5))
        broker.stop()
        broker.wipe()
        broker.start()
        later = some(5)
        await eventually(lambda: _publishes(bus, *later))
        await eventually(lambda: have_applied(shop, 10))


async def test_a_broker_that_hangs_is_left_and_found_again(shop: Database, bus: Bus, broker: EmbeddedNats) -> None:
    """It accepts everything and answers nothing: three round trips later the connection is given up."""
    async with running(consumer(shop, bus).run):
        await eventually(lambda: are_done(bus))
        broker.pause()
        await eventually(lambda: _is_lost(bus), within_s=30)
        broker.resume()
        await eventually(lambda: _publishes(bus, event()))
        await eventually(lambda: have_applied(shop, 1))


async def _more_than(database: Database, count: int) -> bool:
    """Tell whether there are more than `count` effects."""
    return await count_applied(database) > count


async def _publishes(bus: Bus, *events: Event) -> bool:
    """Tell whether the events could be published, on streams made if need be."""
    try:
        await bus.apply_streams()
        await publish(bus, [to_message(one) for one in events])
    except BusUnavailable:
        return False
    return True


async def _is_lost(bus: Bus) -> bool:
    """Tell whether the connection was given up."""
    return not bus.is_connected
