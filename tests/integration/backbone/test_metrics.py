"""What a probe shows of the bus, by the names of the semantic conventions."""

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, publish
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from tests.integration.backbone.loops import Script, consumer, drainer, some, work_off
from tests.integration.backbone.world import eventually, running, to_message

MESSAGING = {"messaging_system": "nats", "messaging_destination_name": "cashback.v1"}
SENT = MESSAGING | {"messaging_operation_name": "send"}


def shown(name: str, **labels: str) -> float:
    """Return what a metric shows, 0 as long as it shows nothing."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_what_is_published_is_counted_and_timed_batch_by_batch(bus: Bus) -> None:
    """Ten as one atomic batch, one alone; each of the two is one operation."""
    names = [("messaging_client_sent_messages_total", SENT | {"way": way}) for way in ("atomic", "single")]
    names.append(("messaging_client_operation_duration_seconds_count", SENT | {"error_type": ""}))
    before = [shown(name, **labels) for name, labels in names]
    await publish(bus, [to_message(one) for one in some(10)])
    await publish(bus, [to_message(one) for one in some(1)])
    assert [shown(name, **labels) - was for (name, labels), was in zip(names, before, strict=True)] == [10, 1, 2]


async def test_a_batch_that_failed_is_timed_under_its_failure_and_tried_alone(shop: Database, bus: Bus) -> None:
    """The failure's class is the label, and never what it says."""
    events = some(4)
    poison = Script({events[1].id: [ValueError("of user 17"), ValueError("of user 17")]})
    poison.runs_out(events[1].id)
    await publish(bus, [to_message(one) for one in events])
    await work_off(bus, consumer(shop, bus, name="timed", handler=poison), "timed")
    labels = MESSAGING | {"messaging_operation_name": "process", "messaging_consumer_group_name": "timed"}
    count = "messaging_process_duration_seconds_count"
    assert shown(count, **labels, error_type="ValueError") == 2
    assert shown(count, **labels, error_type="") >= 2
    taken = MESSAGING | {"messaging_operation_name": "receive", "messaging_consumer_group_name": "timed"}
    assert shown("messaging_client_consumed_messages_total", **taken) == 4


async def test_a_stream_that_was_changed_is_shown_by_a_relay_and_one_that_was_put_right_is_not(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many settings as differ, on a link that holds all the while."""
    monkeypatch.setattr("cashback.kernel.outbox.drain.outlet.STREAMS_EVERY_S", 0.05)
    right = (await bus.api(f"STREAM.INFO.{EVENTS.name}"))["config"]

    async def differing(count: int) -> bool:
        """Tell whether so many settings are said to differ."""
        return shown("cashback_bus_stream_differs", stream=EVENTS.name) == count

    async with running(drainer(shop, bus).run):
        await eventually(lambda: differing(0))
        await bus.api(f"STREAM.UPDATE.{EVENTS.name}", right | {"max_age": 3_600 * 10**9, "max_msgs": 17})
        await eventually(lambda: differing(2))
        await bus.api(f"STREAM.UPDATE.{EVENTS.name}", right)
        await eventually(lambda: differing(0))
