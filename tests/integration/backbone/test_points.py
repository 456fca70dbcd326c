"""Deaths at each named point of drainer and consumer: whoever comes after goes on, and nothing is lost or done twice.

Here a point raises what nothing catches, in this process; real ones die in tests/chaos/test_worker_failpoints.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, get_args

import pytest

from cashback.kernel.bus import DEAD_LETTERS, Bus, publish
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.failpoints import ConsumerPoint, Point, RelayPoint, watching
from tests.integration.backbone.loops import Script, consumer, drainer, has_stored, some, work_off
from tests.integration.backbone.world import (
    WITHIN_S,
    applied,
    count_stored,
    event,
    eventually,
    happened,
    running,
    stored_ids,
    to_message,
)

SOON_S: Final = 0.5
"""For so long nobody else may publish what a dead drainer held."""


class Died(BaseException):
    """A process came to its end here; nobody outlives it by catching exceptions."""


async def dies_at(point: Point, run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a loop until it dies at `point`; fails when it never gets there.

    A drainer is told to stop once it has published something: then it releases its lanes.
    """
    stop = asyncio.Event()

    def spring(reached: Point) -> None:
        """Die where it was told."""
        if reached == point:
            raise Died(point)
        if reached == "cursors.moved":
            stop.set()

    with watching(spring), pytest.raises(Died, match=point):
        async with asyncio.timeout(WITHIN_S):
            await run(stop)


@pytest.mark.invariant("I5", "I6")
@pytest.mark.parametrize("point", get_args(RelayPoint))
async def test_a_drainer_that_dies_at_a_point_is_followed_by_one_that_goes_on(
    shop: Database, bus: Bus, point: Point
) -> None:
    """The stream has each event once, in the order of their commits, whatever the first had sent or noted."""
    events = [event(f"pur_{number % 3}") for number in range(40)]
    await happened(shop, *events)
    await dies_at(point, drainer(shop, bus, holder="dying", ttl_s=SOON_S).run)
    late = event()
    async with running(drainer(shop, bus, holder="heir", ttl_s=SOON_S).run):
        await happened(shop, late)
        await eventually(lambda: has_stored(bus, 41))
    assert await stored_ids(bus) == [one.id for one in (*events, late)]


@pytest.mark.invariant("I5")
@pytest.mark.parametrize("point", get_args(ConsumerPoint))
async def test_a_consumer_that_dies_at_a_point_is_followed_by_one_that_goes_on(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch, point: Point
) -> None:
    """Each event is applied once and the poison is one dead letter, whatever the first had applied or answered."""
    monkeypatch.setattr("cashback.kernel.bus.durable.ACK_WAIT_S", 1)
    poison, events = event("pur_poison"), some(10)
    script = Script({poison.id: [Invalid("no")]})
    await publish(bus, [to_message(one) for one in (poison, *events)])
    await dies_at(point, consumer(shop, bus, handler=script).run)
    await work_off(bus, consumer(shop, bus, handler=script))
    assert sorted(await applied(shop)) == sorted(one.id for one in events)
    assert await count_stored(bus, stream=DEAD_LETTERS.name) == 1
