"""What proves the books, and what others are told: seals, reconciliations, events, webhooks."""

from datetime import timedelta
from typing import Final

import msgspec

from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.ledger.service import Recomputer
from cashback.processes.webhook_worker import belongings_of
from cashback.webhooks.consumer import WebhookEvents
from tests.contract.rest.examples.stage import DAY, Stage
from tests.contract.rest.test_audits import RUN
from tests.integration.ledger.sealing import seal_all
from tests.integration.ledger.test_proving import Publisher, publish
from tests.integration.ledger.world import delivery

TRIED: Final = """
    with ended as (update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now(), claims = 1,
        attempts = 1 where id = %s returning id)
    insert into webhooks.attempts (delivery_id, number, at, address, status, took_ms, answer)
    select id, 1, now(), '203.0.113.7', 500, 12, 'come back later' from ended returning 1
"""
"""As the worker of webhooks leaves a delivery that its endpoint refused for good."""


async def books(stage: Stage) -> None:
    """Seal the books and publish the seal, compute all balances anew, compare with the chain."""
    world = stage.world
    await seal_all(world)
    await publish(world, Publisher())
    await Recomputer(world.worker, clock=world.clock, by="nightly").recompute()
    [[number]] = await world.rows(RUN, 7)
    await stage.op("proveCashback", cashback_id=stage.ids["tea's"])
    seal = (await stage.op("listSeals"))["items"][0]
    await stage.op("showSeal", number=int(seal["number"]))
    await stage.op("listReconciliations")
    await stage.op("showReconciliation", number=number)
    await stage.op("listRecomputations")
    await stage.op("showTrialBalance")


async def told_of(stage: Stage) -> None:
    """Have the endpoints hear of what happened to the purchase of tea."""
    world = stage.world
    events = await world.events("purchases", "purchase.created") + await world.events("ledger", "cashback.approved")
    at = SystemClock().now() + timedelta(seconds=1)
    heard = [msgspec.structs.replace(delivery(one), time=at) for one in events if one.key in stage.ids.values()]
    async with Database.open(world.dsns.of("cashback_webhooks"), name="webhooks") as worker, worker.transaction() as tx:
        await WebhookEvents(belongings_of).handle(tx, heard)


async def webhooks(stage: Stage) -> None:
    """Have an endpoint hear of events, look at what became of them, and have them told again."""
    body = {"url": "https://shop.example/webhooks", "types": ["purchase.created", "cashback.approved"]}
    id_ = (await stage.shop("createWebhookEndpoint", body))["id"]
    await stage.shop("showWebhookEndpoint", endpoint_id=id_)
    await stage.shop("listWebhookEndpoints")
    seen = await stage.seen(f"/v1/webhooks/endpoints/{id_}")
    await stage.shop("changeWebhookEndpoint", {**body, "url": "https://shop.example/hooks"}, endpoint_id=id_, **seen)
    await stage.shop("showWebhookSecret", endpoint_id=id_)
    await stage.shop("rotateWebhookSecret", endpoint_id=id_)
    await told_of(stage)
    event = (await stage.shop("listEvents", type="cashback.approved", limit=1))["items"][0]
    await stage.shop("showEvent", event_id=event["id"])
    delivery_id = (await stage.shop("listWebhookDeliveries", endpoint_id=id_, limit=1))["items"][0]["id"]
    await stage.world.rows(TRIED, delivery_id)
    await stage.shop("showWebhookDelivery", delivery_id=delivery_id)
    await stage.shop("replayWebhookDelivery", delivery_id=delivery_id)
    span = {"since": DAY["from"], "until": "2100-01-01T00:00:00Z", "dry_run": True}
    await stage.shop("replayWebhookEndpoint", span, endpoint_id=id_)
    for change in ("disable", "enable"):
        await stage.shop(f"{change}WebhookEndpoint", endpoint_id=id_)


async def health(stage: Stage) -> None:
    """Ask whether the process is alive and ready."""
    await stage.op("livez")
    await stage.op("readyz")


ACTS: Final = (books, webhooks, health)
"""In this order, at the end."""
