"""A relay that the network swallows, that the stream refuses, or that is answered and cannot publish: whose lanes?"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Final

import pytest

from cashback.kernel.backoff import PER_MILLE
from cashback.kernel.bus import Backoff, Bus
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from cashback.kernel.failpoints import Point, watching
from cashback.kernel.outbox import Event
from cashback.kernel.outbox.drain.absence import round_trips
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import consumer, drainer, has_stored, have_applied
from tests.integration.backbone.test_network import assert_applied_once, assert_stored_once_in_order
from tests.integration.backbone.world import SCHEMA, event, eventually, happened, rows, running
from tests.support.nats_proxy import NatsProxy
from tests.support.recovery import RELAY_FOLLOWED_WITHIN_S, recovers

KEYS: Final = tuple(f"pur_{number}" for number in range(8))
"""Of every lane some."""

HASTY: Final = Backoff(base_s=0.002, cap_s=0.01)
SHORTLY_S: Final = 0.05
TRIES: Final = 60


def of_each_key(times: int = 1) -> list[Event]:
    """Return so many events of each key."""
    return [event(key) for _ in range(times) for key in KEYS]


async def held(database: Database) -> dict[str, int]:
    """Return how many lanes each relay holds."""
    query = (
        f"select split_part(holder, ':', 1), count(*) from {SCHEMA}.outbox_cursors"
        " where expires_at > clock_timestamp() group by 1"
    )
    return dict(await rows(database, query))


async def tokens(database: Database) -> list[tuple[int, int]]:
    """Return each lane with its token, which counts how often it was taken."""
    return await rows(database, f"select partition, token from {SCHEMA}.outbox_cursors order by 1")


@asynccontextmanager
async def two(shop: Database, broker: EmbeddedNats) -> AsyncIterator[tuple[NatsProxy, NatsProxy]]:
    """Run two relays that share the lanes, and yield the ways of both to the broker."""
    async with (
        NatsProxy.before(broker.url()) as way,
        NatsProxy.before(broker.url()) as other_way,
        Bus.connect(way.url(broker.url()), name="first") as first,
        Bus.connect(other_way.url(broker.url()), name="second") as second,
        running(drainer(shop, first, holder="first").run, drainer(shop, second, holder="second").run),
    ):

        async def are_sharing() -> bool:
            """Tell whether each has half of the lanes."""
            return await held(shop) == {"first": 2, "second": 2}

        await eventually(are_sharing)
        yield way, other_way


@pytest.mark.deep
@pytest.mark.invariant("I5", "I6")
@pytest.mark.parametrize("fault", ["part", "forget"])
@pytest.mark.parametrize("is_idle", [True, False])
async def test_a_relay_whose_packets_are_swallowed_is_followed_within_five_seconds(
    shop: Database, bus: Bus, broker: EmbeddedNats, fault: str, is_idle: bool
) -> None:
    """Nothing is reset and nothing is refused; it need not have anything to publish to notice.

    What it had sent comes late, when the network is well again, and changes nothing.
    """
    events = of_each_key(6)
    async with two(shop, broker) as (way, _), running(consumer(shop, bus).run):
        await happened(shop, *events[:8])
        await eventually(lambda: have_applied(shop, 8))
        {"part": way.part, "forget": way.forget}[fault]()
        if not is_idle:
            await happened(shop, *events[8:16])

        async def is_followed() -> bool:
            """Tell whether the other relay has every lane."""
            return await held(shop) == {"second": 4}

        await recovers(is_followed, within_s=RELAY_FOLLOWED_WITHIN_S, what="the lanes are another relay's")
        await happened(shop, *events[8:16] if is_idle else (), *events[16:40])
        await eventually(lambda: have_applied(shop, 40))
        way.heal()

        async def are_shared() -> bool:
            """Tell whether each has half of the lanes again."""
            return await held(shop) == {"first": 2, "second": 2}

        await eventually(are_shared)
        await happened(shop, *events[40:])
        await eventually(lambda: have_applied(shop, len(events)))
    await assert_stored_once_in_order(bus, events)
    await assert_applied_once(shop, events)


@pytest.mark.invariant("I5", "I6")
async def test_lanes_rest_while_the_stream_refuses(
    shop: Database, bus: Bus, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would refuse any other relay as well: of sixty tries not one is a takeover, and then everything is stored."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.RETRY", HASTY)
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.PATIENCE_S", SHORTLY_S)
    events, reached = of_each_key(2), Counter[Point]()
    async with two(shop, broker):
        await happened(shop, *events[:8])
        await eventually(lambda: has_stored(bus, 8))
        config = (await bus.api(f"STREAM.INFO.{EVENTS.name}"))["config"]
        await bus.api(f"STREAM.UPDATE.{EVENTS.name}", {**config, "max_msgs": 8, "discard": "new"})
        before = await tokens(shop)
        with watching(lambda point: reached.update([point])):
            await happened(shop, *events[8:])

            async def was_tried() -> bool:
                """Tell whether it was tried often enough."""
                return reached["batch.publishing"] >= TRIES

            await eventually(was_tried)
        assert await tokens(shop) == before
        assert reached["lanes.taken"] == 0
        await bus.api(f"STREAM.UPDATE.{EVENTS.name}", config)
        await eventually(lambda: has_stored(bus, 16))
    await assert_stored_once_in_order(bus, events)


@pytest.mark.invariant("I5", "I6")
async def test_relays_that_are_answered_and_cannot_publish_take_lanes_more_and_more_seldom(
    shop: Database, bus: Bus, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker answers every round trip and stores nothing: over sixty of each relay, some takeovers and no more."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.RETRY", HASTY)
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.PATIENCE_S", SHORTLY_S)
    # By its name it is the function that the package offers.
    monkeypatch.setattr(import_module("cashback.kernel.bus.publish"), "ASK_TIMEOUT_S", SHORTLY_S)
    events, reached = of_each_key(2), Counter[Point]()
    async with two(shop, broker) as ways:
        await happened(shop, *events[:8])
        await eventually(lambda: has_stored(bus, 8))
        asked = [way.seen.round_trips for way in ways]
        for way in ways:
            way.swallowed = b"cashback."
        with watching(lambda point: reached.update([point])):
            await happened(shop, *events[8:])

            async def have_asked() -> bool:
                """Tell whether each has made so many round trips."""
                return all(way.seen.round_trips - before >= TRIES for way, before in zip(ways, asked, strict=True))

            await eventually(have_asked)
        most = max(way.seen.round_trips - before for way, before in zip(ways, asked, strict=True))
        assert 0 < reached["lanes.taken"] <= 2 * takeovers_max(most)
        for way in ways:
            way.swallowed = b""
        await eventually(lambda: has_stored(bus, 16))
    await assert_stored_once_in_order(bus, events)


@pytest.mark.deep
@pytest.mark.invariant("I5", "I6")
async def test_a_relay_that_is_answered_and_alone_cannot_publish_is_followed_within_five_seconds(
    shop: Database, bus: Bus, broker: EmbeddedNats
) -> None:
    """It would get its lanes back at once: it leaves the other one the time to find them free."""
    events = of_each_key(2)
    async with two(shop, broker) as (way, _):
        await happened(shop, *events[:8])
        await eventually(lambda: has_stored(bus, 8))
        way.swallowed = b"cashback."
        await happened(shop, *events[8:])
        await recovers(
            lambda: has_stored(bus, 16), within_s=RELAY_FOLLOWED_WITHIN_S, what="the lanes are another relay's"
        )
    await assert_stored_once_in_order(bus, events)


def takeovers_max(trips: int) -> int:
    """Return how often a relay takes lanes at most in so many round trips, if chance makes every absence short."""
    taken = 0
    while trips > 0:
        trips -= round_trips(1 + taken, jitter_per_mille=PER_MILLE - 1)
        taken += 1
    return taken
