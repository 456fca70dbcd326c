"""`cashback worker webhooks` as an operator runs it: from the broker to a shop, through kill -9 at every point."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from cashback.kernel.bus import Bus, Delivery, event_message, publish
from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.db import Database
from cashback.kernel.failpoints import POINTS
from cashback.kernel.outbox import Event, append, partition_of
from cashback.kernel.outbox.replay import replay_outbox
from cashback.processes import webhook_worker
from cashback.processes.embedded import CashbackProcess, EmbeddedNats, free_port
from cashback.processes.webhook_settings import key_of
from tests.integration.webhooks.world import KEY, World, eventually, refunded

ENDED_BY_ITSELF = 0
APART = frozenset({"letter.buried"})
"""Points to which no event that can be read leads."""

FAST = frozenset({"delivery.answered"})
"""The point that is tried each time; the others are for the deep tier."""


def worker(world: World, broker: EmbeddedNats, folder: Path, **settings: str) -> CashbackProcess:
    """Return a worker of this world, not started."""
    port = free_port()
    environ = {
        "CASHBACK_NATS_URL": broker.url(),
        "CASHBACK_PROBE_PORT": str(port),
        "CASHBACK_WEBHOOKS_DSN": world.dsns.of("cashback_webhooks"),
        "CASHBACK_WEBHOOK_KEY": b64encode(KEY).decode(),
        "CASHBACK_WEBHOOK_ALLOW_LOOPBACK": "true",
        "CASHBACK_DEVELOPMENT": "true",
    }
    return CashbackProcess("worker", "webhooks", log=folder / "log", port=port, settings={**environ, **settings})


@asynccontextmanager
async def started(process: CashbackProcess) -> AsyncIterator[CashbackProcess]:
    """Run a process beside the event loop in which the shop answers it, and stop it afterwards."""
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        await asyncio.to_thread(process.stop)


async def tell(bus: Bus, *deliveries: Delivery) -> None:
    """Publish events as the relay does."""
    messages = [
        event_message(
            id=each.id,
            type=each.type,
            source="/cashback/purchases",
            key=each.key,
            time=each.time,
            traceparent=None,
            partition=partition_of(each.key),
            data=each.data,
        )
        for each in deliveries
    ]
    await publish(bus, messages)


async def are_delivered(world: World, count: int) -> bool:
    """Tell whether so many deliveries have come to a good end."""
    return world.states() == ["delivered"] * count


async def test_events_on_the_broker_reach_the_shop_and_sigterm_ends_it_well(
    world: World, bus: Bus, broker: EmbeddedNats, tmp_path: Path
) -> None:
    """With the worker's own role: its merchant's and the operator's endpoint hear of each event, signed."""
    endpoint = await world.endpoint("/shop")
    await world.endpoint("/operator", merchant_id=None)
    await world.endpoint("/other", merchant_id="mer_2")
    events = [refunded() for _ in range(50)]
    await tell(bus, *events)
    async with started(worker(world, broker, tmp_path)) as process:
        await eventually(lambda: are_delivered(world, 100))
        await asyncio.to_thread(process.stop)
        assert process.exit_code == ENDED_BY_ITSELF
    for path in ("/shop", "/operator"):
        assert sorted(got.id for got in world.shop.at(path)) == sorted(each.id for each in events)
    assert world.shop.at("/other") == []
    secret = await world.secret(endpoint)
    assert all(got.is_signed_with(secret) for got in world.shop.at("/shop"))


@pytest.mark.invariant("I5")
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, marks=() if point in FAST else pytest.mark.deep)
        for point in sorted(POINTS["worker webhooks"] - APART)
    ],
)
async def test_a_worker_killed_at_a_point_loses_no_delivery(
    world: World, bus: Bus, broker: EmbeddedNats, tmp_path: Path, point: str
) -> None:
    """I5: each event is one delivery, which the next worker brings to its end; whatever came twice has the same id."""
    await world.endpoint()
    events = [refunded() for _ in range(20)]
    trapped = worker(world, broker, tmp_path, CASHBACK_FAILPOINTS=f"{point}=kill")
    try:
        await asyncio.to_thread(trapped.start)
        await tell(bus, *events)
        await eventually(lambda: _has_ended(trapped))
    finally:
        await asyncio.to_thread(trapped.kill)
    assert trapped.exit_code == -SIGKILL
    assert "failpoint.reached" in trapped.log.read_text()
    world.hasten()
    async with started(worker(world, broker, tmp_path)):
        # What the dead one had taken and not acknowledged comes again once the broker has waited for it.
        await eventually(lambda: are_delivered(world, 20), within_s=45)
    assert {got.id for got in world.shop.got} == {each.id for each in events}
    assert world.rows("select count(*), count(distinct event_id) from webhooks.deliveries") == [(20, 20)]


async def _has_ended(process: CashbackProcess) -> bool:
    """Tell whether a process is no more."""
    return process.exit_code is not None


@pytest.mark.invariant("I5")
async def test_replaying_the_outbox_after_a_wiped_broker_brings_missing_webhooks_and_doubles_none(
    world: World, broker: EmbeddedNats, tmp_path: Path
) -> None:
    """I5: half of the events were delivered before the broker lost everything; afterwards each has been, once."""
    await world.endpoint()
    events = [refunded() for _ in range(20)]
    async with world.api.transaction() as tx:
        await append(
            tx,
            "purchases",
            [
                Event(
                    id=each.id,
                    type=each.type,
                    source="/cashback/purchases",
                    key=each.key,
                    time=each.time,
                    data=each.data,
                )
                for each in events
            ],
        )
    world.rows("update purchases.outbox_cursors set position = 1000000")
    async with Bus.connect(broker.url(), name="test") as bus, started(worker(world, broker, tmp_path)):
        await bus.wait_connected()
        await bus.apply_streams()
        await tell(bus, *events[:10])
        await eventually(lambda: are_delivered(world, 10))
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.wipe)
        await asyncio.to_thread(broker.start)
        await bus.wait_connected()
        await bus.apply_streams()
        async with Database.open(world.dsns.of("cashback_auditor"), name="auditor") as database:
            assert await replay_outbox(database, bus, schema="purchases") == 20
        await eventually(lambda: are_delivered(world, 20), within_s=45)
    assert sorted(got.id for got in world.shop.got) == sorted(each.id for each in events)


def test_production_delivers_nothing_to_itself_and_has_a_key(tmp_path: Path) -> None:
    """Every problem of the settings is told at once."""
    environ = {
        "CASHBACK_NATS_URL": "nats://127.0.0.1:4222",
        "CASHBACK_PROBE_PORT": "1",
        "CASHBACK_WEBHOOKS_DSN": "postgresql://a@b/c",
        "CASHBACK_WEBHOOK_KEY": "short",
        "CASHBACK_WEBHOOK_ALLOW_LOOPBACK": "true",
    }
    with pytest.raises(SettingsInvalid) as caught:
        load(webhook_worker.Settings, environ)
    assert [line.partition(" is wrong: ")[0] for line in caught.value.problems] == [
        "CASHBACK_WEBHOOK_KEY",
        "CASHBACK_WEBHOOK_ALLOW_LOOPBACK",
    ]
    allowed = {**environ, "CASHBACK_DEVELOPMENT": "true", "CASHBACK_WEBHOOK_KEY": b64encode(KEY).decode()}
    assert key_of(load(webhook_worker.Settings, allowed).webhook_key) == KEY
