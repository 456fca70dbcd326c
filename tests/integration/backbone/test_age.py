"""How far behind a consumer is: how many events, and for how long the oldest of them has waited."""

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Backoff, Bus, Delivery, Retry, metrics, publish
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.failures import Failures
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.kernel.errors import Invalid
from tests.integration.backbone.loops import are_done, consumer, have_applied
from tests.integration.backbone.world import apply, event, eventually, running, to_message

OLD, LATE = "thing.happened", "thing.happened.later"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look all the time."""
    monkeypatch.setattr("cashback.kernel.bus.watching.LOOK_EVERY_S", 0.05)


async def test_age_is_that_of_the_oldest_event_not_applied_and_falls_to_zero(shop: Database, bus: Bus) -> None:
    """It grows while an event is put back that fails, whatever is applied beside it, and ends with the event."""
    poison, is_hopeless = event("pur_poison"), asyncio.Event()

    async def fail(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply all but the poison, which fails for as long as it is looked at, and then for good."""
        if any(one.id == poison.id for one in deliveries):
            raise Invalid("no") if is_hopeless.is_set() else ValueError("no")
        await apply(tx, deliveries)

    slowly = Retry(attempts_max=1_000, backoff=Backoff(base_s=0.4, cap_s=0.4))
    await publish(bus, [to_message(poison)])
    async with running(consumer(shop, bus, name="aged", handler=fail, retry=slowly).run):
        await eventually(lambda: shows_more_than("cashback_consumer_oldest_seconds", 0.3))
        await publish(bus, [to_message(event("pur_other"))])
        await eventually(lambda: have_applied(shop, 1))
        await eventually(lambda: shows("cashback_consumer_lag_events", 1))
        assert seen("cashback_consumer_oldest_seconds") > 0.3
        await eventually(lambda: shows("cashback_consumer_failing_keys", 1))
        await eventually(lambda: shows_more_than("cashback_consumer_failing_oldest_seconds", 0.1))
        is_hopeless.set()
        await eventually(lambda: are_done(bus, "aged"))
        await eventually(lambda: shows("cashback_consumer_oldest_seconds", 0))
        await eventually(lambda: shows("cashback_consumer_lag_events", 0))
        await eventually(lambda: shows("cashback_consumer_failing_keys", 0))
        assert seen("cashback_consumer_failing_oldest_seconds") == 0
    assert seen("cashback_consumer_hop_seconds_count") == 1
    assert 0 < seen("cashback_consumer_hop_seconds_sum") < 20


async def test_the_oldest_is_found_whichever_of_its_types_it_is_of(shop: Database, bus: Bus) -> None:
    """What others consume is older, and no matter."""
    foreign, first, second = event(type_="foreign"), event(type_=OLD), event(type_=LATE)
    async with running(consumer(shop, bus, name="aged", types=(OLD, LATE)).run):
        await eventually(lambda: are_done(bus, "aged"))
    await publish(bus, [to_message(foreign)])
    await publish(bus, [to_message(first)])
    await publish(bus, [to_message(second)])
    found = await backlog(bus, stream=EVENTS.name, name="aged", types=(LATE, OLD))
    answer = await bus.api(f"STREAM.MSG.GET.{EVENTS.name}", {"seq": 2})
    assert found == (2, msgspec.convert(answer["message"]["time"], datetime))
    assert found[1] is not None
    assert found[1] <= SystemClock().now()


async def test_who_cannot_ask_the_database_still_knows_the_broker_and_says_what_it_does_not_know(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures are unknown, not what they were; lag and age go on."""

    async def lost(self: Failures) -> tuple[int, float]:
        """Answer as a database that is away."""
        raise DatabaseUnavailable("away")

    async with running(consumer(shop, bus, name="aged").run):
        await eventually(lambda: shows("cashback_consumer_failing_keys", 0))
        monkeypatch.setattr(Failures, "standing", lost)
        await eventually(lambda: is_unknown("cashback_consumer_failing_keys"))
        metrics.lag_now.labels("aged").set(7)
        await eventually(lambda: shows("cashback_consumer_lag_events", 0))
        assert math.isnan(seen("cashback_consumer_failing_oldest_seconds"))


async def is_unknown(metric: str) -> bool:
    """Tell whether a metric says that nobody knows."""
    return math.isnan(seen(metric))


def seen(metric: str) -> float:
    """Return what a metric says of the consumer, 0 as long as it says nothing."""
    return REGISTRY.get_sample_value(metric, {"consumer": "aged"}) or 0.0


async def shows(metric: str, value: float) -> bool:
    """Tell whether a metric has this value."""
    return seen(metric) == value


async def shows_more_than(metric: str, value: float) -> bool:
    """Tell whether a metric has grown above this value."""
    return seen(metric) > value
