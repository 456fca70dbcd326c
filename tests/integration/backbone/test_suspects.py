"""Events that may be what ends their workers: who was delivered ten times is noted before it is tried."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from cashback.kernel.bus import Backoff, Bus, Delivery, Retry, dead_letters, publish
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Unavailable
from tests.integration.backbone.loops import Script, are_done, consumer, work_off
from tests.integration.backbone.world import (
    LOOK_EVERY_S,
    SCHEMA,
    applied,
    apply,
    event,
    eventually,
    rows,
    running,
    to_message,
)

pytestmark = pytest.mark.usefixtures("soon")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suspect what comes again, and have the broker give back soon what a dead worker had in hand."""
    monkeypatch.setattr("cashback.kernel.bus.settle.SUSPECT_FROM", 2)
    monkeypatch.setattr("cashback.kernel.bus.durable.ACK_WAIT_S", 0.2)


class Died(BaseException):
    """A process came to its end here; nobody outlives it by catching exceptions."""


async def test_an_event_that_kills_its_worker_is_given_up(shop: Database, bus: Bus) -> None:
    """Five deaths are five failures: whoever is given it then buries it untried, and its key goes on."""
    deadly, follower = event("pur_1"), event("pur_1")
    deaths = 0

    async def die(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, and do not live to see it when the deadly one is among them."""
        nonlocal deaths
        await apply(tx, deliveries)
        if deadly.id in [delivery.id for delivery in deliveries]:
            deaths += 1
            raise Died

    await publish(bus, [to_message(one) for one in (deadly, follower)])
    for _ in range(9):
        stop = asyncio.Event()
        living = asyncio.create_task(consumer(shop, bus, handler=die, batch_max=2).run(stop))
        while not living.done() and not await are_done(bus):
            await asyncio.wait({living}, timeout=LOOK_EVERY_S)
        stop.set()
        await asyncio.wait({living})
        if living.exception() is None:
            break
    # Of the first, and of the second if both came together, nobody knew which of both it was.
    assert deaths in {6, 7}
    assert await applied(shop) == [follower.id]
    (letter,) = await dead_letters.page(bus, limit=10)
    history = msgspec.json.decode(letter.headers["dlq-history"])
    assert (letter.event_id, letter.attempts, [entry["error"] for entry in history]) == (
        deadly.id,
        5,
        ["WorkerDied"] * 5,
    )


async def test_a_suspect_that_fails_as_others_do_is_counted_once_for_each(shop: Database, bus: Bus) -> None:
    """Its failure takes the place of what was noted before it was tried."""
    poison = event()
    script = Script({poison.id: [ValueError("no")]})
    await publish(bus, [to_message(poison)])
    await work_off(bus, consumer(shop, bus, handler=script))
    (letter,) = await dead_letters.page(bus, limit=10)
    history = msgspec.json.decode(letter.headers["dlq-history"])
    assert (letter.attempts, [entry["error"] for entry in history]) == (5, ["ValueError"] * 5)
    assert len(script.seen) == 5


async def test_a_suspect_that_meets_outages_is_not_counted(shop: Database, bus: Bus) -> None:
    """It was noted before it was tried, in case it ends the worker, and that is taken back."""
    one = event()
    causes: Sequence[Exception] = [ValueError("once"), *[Unavailable("the world is down")] * 4, ValueError("twice")]
    script = Script({one.id: causes})
    await publish(bus, [to_message(one)])
    often = Retry(attempts_max=3, backoff=Backoff(0.02, 0.05))
    async with running(consumer(shop, bus, handler=script, retry=often).run):
        await eventually(lambda: are_done(bus))
    (letter,) = await dead_letters.page(bus, limit=10)
    assert (letter.attempts, letter.reason) == (3, "ValueError: twice")
    assert len(script.seen) == 7


async def test_a_suspect_that_succeeds_leaves_nothing_behind(shop: Database, bus: Bus) -> None:
    """Neither after an outage that was its first nor after a failure."""
    one = event()
    script = Script({one.id: [Unavailable("the world is down")] * 2})
    script.runs_out(one.id)
    await publish(bus, [to_message(one)])
    await work_off(bus, consumer(shop, bus, handler=script))
    assert await applied(shop) == [one.id]
    assert await rows(shop, f"select * from {SCHEMA}.inbox_failures") == []
