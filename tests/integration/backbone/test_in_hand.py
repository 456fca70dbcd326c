"""What a worker has in hand: soon somebody else's when it is dead, and nobody else's as long as it lives."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.bus import Bus, Delivery, publish
from cashback.kernel.bus.durable import ensure_durable
from cashback.kernel.bus.message import read_place
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database, Tx
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.loops import are_done, consumer, have_applied, some
from tests.integration.backbone.world import TYPE, applied, apply, eventually, prepare, running, to_message
from tests.support.servers import Databases

RECOVERED_WITHIN_S = 10.0
"""How soon what a dead process had in hand is applied by another one."""


@pytest.mark.invariant("I4", "I5")
async def test_what_a_killed_worker_had_in_hand_is_soon_applied_by_another_one(
    databases: Databases, bus: Bus, broker: EmbeddedNats
) -> None:
    """By kill -9, in the middle of a transaction, with more that it had fetched and not begun."""
    with databases.fresh(databases.template("backbone", prepare)) as dsn:
        events = some(5)
        await publish(bus, [to_message(one) for one in events])
        words = ("-m", "tests.integration.backbone.hanging", dsn, broker.url())
        child = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE, stderr=DEVNULL)
        assert child.stdout is not None
        while await child.stdout.readline() != b"taken\n":
            assert child.returncode is None
        child.kill()
        await child.wait()
        async with Database.open(dsn, name="heir") as shop, running(consumer(shop, bus).run):
            await eventually(lambda: have_applied(shop, 5), within_s=RECOVERED_WITHIN_S)
            assert sorted(await applied(shop)) == sorted(one.id for one in events)


@pytest.mark.invariant("I5")
async def test_a_slow_worker_that_lives_keeps_what_it_has_in_hand(
    shop: Database, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than the broker waits, thrice over, and neither this event nor those behind it come again."""
    monkeypatch.setattr("cashback.kernel.bus.durable.ACK_WAIT_S", 0.6)
    attempts: list[int] = []
    began, enough = asyncio.Event(), asyncio.Event()

    async def dawdle(tx: Tx, deliveries: Sequence[Delivery]) -> None:
        """Apply, after a long while."""
        began.set()
        await enough.wait()
        attempts.extend(delivery.attempt for delivery in deliveries)
        await apply(tx, deliveries)

    await publish(bus, [to_message(one) for one in some(3)])
    workers = [consumer(shop, bus, handler=dawdle, batch_max=1, name="slow") for _ in range(2)]
    async with running(*[worker.run for worker in workers]):
        await began.wait()
        # Whoever says nothing to the broker gets its event three times more meanwhile.
        await was_delivered(bus, times=4)
        enough.set()
        await eventually(lambda: have_applied(shop, 3))
        await eventually(lambda: are_done(bus, "slow"))
    assert attempts == [1, 1, 1]
    # Nor did any come again to be found in the inbox.
    assert REGISTRY.get_sample_value("cashback_consumer_redelivered_total", {"consumer": "slow"}) == 0


async def was_delivered(bus: Bus, *, times: int) -> None:
    """Return when the broker gave the first event so often to a consumer that never answers."""
    await ensure_durable(bus, stream=EVENTS.name, name="mute", types=(TYPE,))
    pull = Pull(bus, stream=EVENTS.name, consumer="mute", batch_max=16)
    seen = 0
    while seen < times:
        taken = await pull.take(wait_s=5.0)
        seen = max([seen, *[read_place(message.reply).attempt for message in taken]])
    await pull.close()
