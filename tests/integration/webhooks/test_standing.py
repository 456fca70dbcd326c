"""What a worker-webhooks shows of what is due: the oldest of all, and whom nobody tries."""

import math

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.db import Database
from cashback.processes.embedded import free_port
from cashback.webhooks.service import metrics
from cashback.webhooks.service.standing import gauges
from cashback.webhooks.store import due
from tests.integration.webhooks.world import World, eventually, refunded

BACKLOG = 1_200
"""More than are counted."""


async def neglected(world: World) -> float | None:
    """Return how many endpoints a worker shows that nobody tries anything of."""
    await gauges(world.worker).look()
    return REGISTRY.get_sample_value("cashback_webhook_neglected_endpoints")


async def backlog(world: World) -> None:
    """Have 1,200 deliveries be due to `/slow` for a quarter of an hour, and one to `/old` for two hours."""
    await world.endpoint("/slow", merchant_id="mer_1")
    await world.endpoint("/old", merchant_id="mer_2")
    await world.take(*(refunded() for _ in range(BACKLOG)), refunded(merchant_id="mer_2"))
    world.rows(
        "update webhooks.deliveries set due_at = now() - case url"
        " when '" + world.shop.url("/old") + "' then interval '2 hours' else interval '15 minutes' end"
        " from webhooks.endpoints as endpoint where endpoint.id = endpoint_id"
    )


async def test_the_oldest_is_the_oldest_of_all_however_much_another_endpoint_has(world: World) -> None:
    """A thousand are counted, of whichever endpoint; the age is that of the one that has waited longest."""
    await backlog(world)
    async with world.worker.transaction() as tx:
        count, oldest_s = await due.waiting(tx)
    assert count == 1_000
    assert 7_200 <= oldest_s < 7_200 + 600
    world.rows("update webhooks.deliveries set due_at = now() + interval '1 hour'")
    async with world.worker.transaction() as tx:
        assert await due.waiting(tx) == (0, 0)


async def test_an_endpoint_that_is_slow_is_tried_and_one_that_nobody_tries_is_shown(world: World) -> None:
    """So a long queue of one endpoint wakes nobody up, and a worker that does nothing does."""
    await backlog(world)
    assert await neglected(world) == 2
    for path in ("/slow", "/old"):
        world.shop.slow(path)

    async def are_tried() -> bool:
        """Tell whether tries to both are under way."""
        return len(world.shop.at("/slow")) == 4 and len(world.shop.at("/old")) == 1

    async with world.delivering(within_s=15.0):
        await eventually(are_tried)
        assert await neglected(world) == 0
        world.shop.opens.set()


async def test_a_merchant_whose_share_is_in_use_is_not_neglected_nor_is_what_is_being_ended(world: World) -> None:
    """Twenty slow endpoints want more than sixteen tries, which is nobody's failure; a disabled one waits for none."""
    for number in range(20):
        await world.endpoint(f"/{number}", types=["purchase.refunded"])
    await world.take(refunded())
    gone = await world.endpoint("/gone", merchant_id="mer_2")
    await world.take(refunded(merchant_id="mer_2"))
    world.rows("update webhooks.deliveries set due_at = now() - interval '1 hour'")
    disabled = "update webhooks.endpoints set state = 'disabled', disabled_reason = 'gone' where id = %s"
    assert await neglected(world) == 21
    world.rows(disabled, gone.id)
    async with world.worker.transaction() as tx:
        claimed = await due.claim_due(tx, limit=64, per_merchant=16, per_endpoint=4, hold_s=6)
    assert len(claimed) == 16
    assert await neglected(world) == 0
    async with world.worker.transaction() as tx:
        count, oldest_s = await due.waiting(tx)
    assert count == 4
    assert 3_600 <= oldest_s < 3_600 + 600


async def test_without_its_database_a_worker_shows_that_nothing_is_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was due before says nothing of now."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.1)
    metrics.due.set(7)
    metrics.oldest.set(7)
    async with Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", name="lost") as lost:
        await gauges(lost).look()
    for name in ("neglected_endpoints", "due_deliveries", "oldest_seconds"):
        assert math.isnan(REGISTRY.get_sample_value(f"cashback_webhook_{name}") or 0.0)
    assert await neglected(world) == 0
