"""`cashback worker webhooks` as an operator runs it: from the broker to a shop, through kill -9 at every point."""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest

from cashback.events.purchases import PurchaseRefunded
from cashback.kernel.bus import Bus, Delivery, event_message, publish
from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.db import Database
from cashback.kernel.failpoints import POINTS
from cashback.kernel.outbox import Event, append, partition_of
from cashback.kernel.outbox.replay import replay_outbox
from cashback.processes import webhook_worker
from cashback.processes.embedded import CashbackProcess, EmbeddedNats, free_port
from cashback.processes.webhook_settings import sealing_keys
from cashback.webhooks import Forgetter, Kept, SealingKeys
from tests.integration.webhooks.world import KEY, KEYS, World, event, eventually, open_shop, refunded
from tests.support.certificates import Authority

ENDED_BY_ITSELF = 0
APART = frozenset({"letter.buried"})
"""Points that are reached only once an event was given up."""

FAILED = frozenset({"failure.noted"})
"""Points to which only an event that cannot be read leads."""

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
    await world.take(refunded())
    # Long ended: the worker forgets it, or it would be among the states below.
    world.rows("update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now() - interval '31 days'")
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


@pytest.mark.deep
async def test_a_worker_trusts_the_authority_that_its_settings_name(
    world: World, bus: Bus, broker: EmbeddedNats, tmp_path: Path
) -> None:
    """As it runs in production, event loop and all: with the setting it delivers by https, without it does not."""
    certificate = Authority(tmp_path / "authority").sign("shop.test")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert, certificate.key)
    async with open_shop(tls=context) as shop:
        await world.endpoint(host="localhost", shop=shop)
        await tell(bus, refunded())
        async with started(worker(world, broker, tmp_path)):
            await world.tried(1)
        assert world.rows("select error from webhooks.attempts") == [("certificate_untrusted",)]
        world.hasten()
        async with started(worker(world, broker, tmp_path, CASHBACK_WEBHOOK_TLS_CA=certificate.ca)):
            await eventually(lambda: are_delivered(world, 1))
        assert len(shop.got) == 1


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
    unreadable = [event(PurchaseRefunded.TYPE, b"no JSON")] if point in FAILED else []
    trapped = worker(world, broker, tmp_path, CASHBACK_FAILPOINTS=f"{point}=kill")
    try:
        await asyncio.to_thread(trapped.start)
        await tell(bus, *events, *unreadable)
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
    assert logged(world) == sorted(each.id for each in events)


def logged(world: World) -> list[str]:
    """Return the ids of all events of the log, sorted; none of them twice."""
    return [row[0] for row in world.rows("select event_id from webhooks.events order by event_id")]


async def _has_ended(process: CashbackProcess) -> bool:
    """Tell whether a process is no more."""
    return process.exit_code is not None


@pytest.mark.invariant("I5")
async def test_replaying_the_outbox_after_a_wiped_broker_brings_missing_webhooks_and_doubles_none(
    world: World, broker: EmbeddedNats, tmp_path: Path
) -> None:
    """I5: half of the events were delivered before the broker lost everything; afterwards each has been, once.

    Half of those had been forgotten by then.
    """
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
        ids = [row[0] for row in world.rows("select id from webhooks.deliveries order by id")]
        world.rows("update webhooks.deliveries set ended_at = now() - interval '31 days' where id = any(%s)", ids[:5])
        kept = Kept(deliveries_days=30, events_days=30, journal_days=730)
        await Forgetter(world.worker, kept).forget(asyncio.Event())
        assert world.states() == ["delivered"] * 5
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.wipe)
        await asyncio.to_thread(broker.start)
        await bus.wait_connected()
        await bus.apply_streams()
        async with Database.open(world.dsns.of("cashback_auditor"), name="auditor") as database:
            assert await replay_outbox(database, bus, schema="purchases") == 20
        await eventually(lambda: are_delivered(world, 15), within_s=45)
    assert sorted(got.id for got in world.shop.got) == sorted(each.id for each in events)
    assert logged(world) == sorted(each.id for each in events)


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
    settings = load(webhook_worker.Settings, allowed)
    assert sealing_keys(settings.webhook_key, settings.webhook_key_before) == KEYS
    rotating = load(webhook_worker.Settings, {**allowed, "CASHBACK_WEBHOOK_KEY_BEFORE": b64encode(b"o" * 32).decode()})
    assert sealing_keys(rotating.webhook_key, rotating.webhook_key_before) == SealingKeys(KEY, b"o" * 32)
