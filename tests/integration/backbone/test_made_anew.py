"""A stream or consumer that is deleted and made anew under a living broker: old answers say nothing of new events."""

import asyncio
from collections.abc import Sequence

import pytest
from nats.aio.msg import Msg

from cashback.kernel.bus import Bus, Delivery, publish
from cashback.kernel.bus.durable import ensure_durable
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database, Tx
from tests.integration.backbone.loops import are_done, consumer, have_applied, some
from tests.integration.backbone.world import TYPE, applied, apply, eventually, running, to_message


@pytest.mark.invariant("I4", "I5")
async def test_what_was_in_hand_of_a_deleted_stream_acknowledges_nothing_of_the_one_made_anew(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers are other events by then: another worker has them in hand, and dies with them."""
    monkeypatch.setattr("cashback.kernel.bus.durable.ACK_WAIT_S", 0.6)
    began, enough = asyncio.Event(), asyncio.Event()

    async def dawdle(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, once it may."""
        began.set()
        await enough.wait()
        await apply(tx, deliveries)

    old, new = some(3), some(3)
    await publish(bus, [to_message(one) for one in old])
    # Two in hand and the third behind them, fetched and not begun.
    async with running(consumer(shop, bus, handler=dawdle, batch_max=2).run):
        await began.wait()
        await eventually(lambda: _is_given(bus, 3))
        await bus.api(f"STREAM.DELETE.{EVENTS.name}")
        await bus.apply_streams()
        await publish(bus, [to_message(one) for one in new])
        assert len(await _taken_by_another(bus, 3)) == 3
        enough.set()
        await eventually(lambda: are_done(bus))
    assert set(await applied(shop)) >= {one.id for one in new}


@pytest.mark.invariant("I5")
async def test_a_consumer_that_is_deleted_in_mid_work_begins_anew_and_applies_nothing_twice(
    shop: Database, bus: Bus
) -> None:
    """The stream goes through the inbox once more."""
    events = some(40)
    await publish(bus, [to_message(one) for one in events[:20]])
    async with running(consumer(shop, bus, batch_max=4).run):
        await eventually(lambda: have_applied(shop, 20))
        await bus.api(f"CONSUMER.DELETE.{EVENTS.name}.ledger")
        await publish(bus, [to_message(one) for one in events[20:]])
        await eventually(lambda: have_applied(shop, 40))
        await eventually(lambda: are_done(bus))
    assert sorted(await applied(shop)) == sorted(one.id for one in events)


async def _is_given(bus: Bus, count: int) -> bool:
    """Tell whether the worker was given so many events."""
    return int((await bus.api(f"CONSUMER.INFO.{EVENTS.name}.ledger"))["num_ack_pending"]) == count


async def _taken_by_another(bus: Bus, count: int) -> list[Msg]:
    """Return so many messages that another worker of the same durable took, and will never answer."""
    await ensure_durable(bus, stream=EVENTS.name, name="ledger", types=(TYPE,))
    pull = Pull(bus, stream=EVENTS.name, consumer="ledger", batch_max=16)
    taken: list[Msg] = []
    while len(taken) < count:
        taken += await pull.take(wait_s=5.0)
    await pull.close()
    return taken
