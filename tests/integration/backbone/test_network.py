"""The network between our processes and the broker: it delays, doubles and shuffles, goes one way only, and parts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest

from cashback.kernel.bus import Bus
from cashback.kernel.db import Database
from cashback.kernel.outbox import Event
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import consumer, drainer, has_stored, have_applied
from tests.integration.backbone.world import applied, event, eventually, happened, running, stored
from tests.support.nats_proxy import NatsProxy, Splitter, Way, Weather
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovers

BAD: Final = Weather(delay_s=0.2, doubled_every=4, window=8)
KEYS: Final = 12

LINK_PROBED_EVERY_S: Final = 0.5
"""In the first tier a link is given up sooner than in production, four times; nothing else depends on how soon."""


@asynccontextmanager
async def through(broker: EmbeddedNats, *, name: str) -> AsyncIterator[tuple[NatsProxy, Bus]]:
    """Give a bus of its own that comes to the broker through a proxy of its own."""
    async with NatsProxy.before(broker.url()) as proxy, Bus.connect(proxy.url(broker.url()), name=name) as far:
        assert await far.wait_connected(at_most_s=10)
        yield proxy, far


def events_of(times: int) -> list[Event]:
    """Return so many rounds of one event of each key."""
    return [event(f"pur_{number}") for _ in range(times) for number in range(KEYS)]


async def assert_stored_once_in_order(bus: Bus, events: Sequence[Event]) -> None:
    """Assert that the stream has each event once, those of each key in the order of their commits (I5, I6)."""
    messages = await stored(bus)
    found: dict[str, list[str]] = {}
    for message in messages:
        found.setdefault(message["headers"]["ce-partitionkey"], []).append(message["headers"]["ce-id"])
    wanted: dict[str, list[str]] = {}
    for one in events:
        wanted.setdefault(one.key, []).append(one.id)
    assert found == wanted


async def assert_applied_once(database: Database, events: Sequence[Event]) -> None:
    """Assert that each event has had its effect once (I5)."""
    assert sorted(await applied(database)) == sorted(one.id for one in events)


def in_batch(line: bytes, data: bytes) -> bytes:
    """Return the frame of one message of an atomic batch."""
    headers = b"NATS/1.0\r\nNats-Batch-Id: x\r\n%s\r\n\r\n" % line
    return b"HPUB a %d %d\r\n%s%s\r\n" % (len(headers), len(headers) + len(data), headers, data)


def test_frames_are_cut_where_they_end_and_a_batch_stays_together() -> None:
    """However the bytes come in: whole, or one by one."""
    first = in_batch(b"Nats-Batch-Sequence: 1", b"PUB in the data\r\n")
    last = in_batch(b"Nats-Batch-Commit: 1", b"!")
    alone = b"MSG a 1 4\r\n\r\n\r\n\r\n"
    said = b"PING\r\n" + first + last + alone
    for step in (len(said), 1):
        splitter = Splitter()
        units = [unit for start in range(0, len(said), step) for unit in splitter.feed(said[start : start + step])]
        assert [unit.data for unit in units] == [b"PING\r\n", first + last, alone]
        assert [unit.is_message for unit in units] == [False, True, True]


@pytest.mark.invariant("I5", "I6")
async def test_what_comes_late_twice_and_out_of_order_is_stored_and_applied_once(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """Publications, answers, deliveries and acknowledgements alike, while events go on happening."""
    async with (
        through(broker, name="relay") as (near_relay, relay_bus),
        through(broker, name="worker") as (near_worker, worker_bus),
    ):
        near_relay.weather = near_worker.weather = BAD
        events = events_of(12)
        worker = consumer(shop, worker_bus, batch_max=16)
        async with running(drainer(shop, relay_bus).run, worker.run):
            for start in range(0, len(events), KEYS):
                await happened(shop, *events[start : start + KEYS])
            await eventually(lambda: have_applied(shop, len(events)), within_s=RECOVERS_SERVER_WITHIN_S)
        assert near_worker.seen.doubled > 0
        assert near_worker.seen.overtaken > 0
        assert near_relay.seen.doubled > 0
    await assert_stored_once_in_order(bus, events)
    await assert_applied_once(shop, events)


@pytest.mark.invariant("I5", "I6")
@pytest.mark.parametrize("ways", [("to_client",), pytest.param(("to_broker",), marks=pytest.mark.deep)])
async def test_a_relay_whose_connection_goes_one_way_only_publishes_once(
    shop: Database, bus: Bus, broker: EmbeddedNats, ways: Sequence[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has stored what nobody was told of, or is told much later: the ids are the same."""
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_EVERY_S", LINK_PROBED_EVERY_S)
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_TIMEOUT_S", LINK_PROBED_EVERY_S)
    events = events_of(4)
    async with through(broker, name="relay") as (proxy, far), running(drainer(shop, far).run):
        await happened(shop, *events[:KEYS])
        await eventually(lambda: has_stored(bus, KEYS))
        proxy.part(*ways)
        await happened(shop, *events[KEYS : 2 * KEYS])
        if ways == ("to_client",):
            # There they are, and who sent them does not know.
            await eventually(lambda: has_stored(bus, 2 * KEYS))
        await happened(shop, *events[2 * KEYS : 3 * KEYS])
        await eventually(lambda: has_lost(far))
        await happened(shop, *events[3 * KEYS :])
        proxy.heal()
        await recovers(
            lambda: has_stored(bus, len(events)), within_s=RECOVERS_SERVER_WITHIN_S, what="all events are stored"
        )
    await assert_stored_once_in_order(bus, events)


@pytest.mark.invariant("I5")
@pytest.mark.parametrize("ways", [("to_broker",), pytest.param(("to_client",), marks=pytest.mark.deep)])
async def test_a_worker_whose_connection_goes_one_way_only_applies_once(
    shop: Database, bus: Bus, broker: EmbeddedNats, ways: Sequence[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers never arrive, or it never sees what it is sent: another gets that, and knows what is done."""
    monkeypatch.setattr("cashback.kernel.bus.durable.ACK_WAIT_S", 1)
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_EVERY_S", LINK_PROBED_EVERY_S)
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_TIMEOUT_S", LINK_PROBED_EVERY_S)
    events = events_of(4)
    async with (
        through(broker, name="worker") as (proxy, far),
        running(drainer(shop, bus).run),
        running(consumer(shop, far).run),
    ):
        await happened(shop, *events[:KEYS])
        await eventually(lambda: have_applied(shop, KEYS))
        proxy.part(*ways)
        await happened(shop, *events[KEYS : 3 * KEYS])
        await eventually(lambda: has_lost(far))
        async with running(consumer(shop, bus).run):
            await eventually(lambda: have_applied(shop, 3 * KEYS))
        proxy.heal()
        await happened(shop, *events[3 * KEYS :])
        await recovers(
            lambda: have_applied(shop, len(events)), within_s=RECOVERS_SERVER_WITHIN_S, what="all are applied"
        )
    await assert_applied_once(shop, events)


@pytest.mark.deep
@pytest.mark.invariant("I5", "I6")
@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_partition_between_all_and_the_broker_loses_nothing_and_is_over_soon(
    shop: Database, bus: Bus, broker: EmbeddedNats, is_reset: bool
) -> None:
    """Whether the connections outlive it or not; for longer than any lease, deadline and acknowledgement."""
    events = events_of(20)
    async with (
        through(broker, name="relay") as (near_relay, relay_bus),
        through(broker, name="worker") as (near_worker, worker_bus),
        running(drainer(shop, relay_bus).run, consumer(shop, worker_bus, batch_max=16).run),
    ):
        await happened(shop, *events[:KEYS])
        await eventually(lambda: have_applied(shop, KEYS))
        for proxy in (near_relay, near_worker):
            proxy.part()
        for start in range(KEYS, len(events), KEYS):
            await happened(shop, *events[start : start + KEYS])
        await eventually(lambda: has_lost(relay_bus))
        await eventually(lambda: has_lost(worker_bus))
        for proxy in (near_relay, near_worker):
            if is_reset:
                proxy.cut()
            proxy.heal()
        await recovers(
            lambda: have_applied(shop, len(events)), within_s=RECOVERS_SERVER_WITHIN_S, what="all are applied"
        )
    await assert_stored_once_in_order(bus, events)
    await assert_applied_once(shop, events)


async def has_lost(bus: Bus) -> bool:
    """Tell whether there is no connection now."""
    return not bus.is_connected
