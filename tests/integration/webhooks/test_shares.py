"""No merchant's endpoints hold up another's, however many they are, how slow, and how much waits for them."""

from typing import Any

import pytest

from cashback.kernel.db import Tx
from cashback.webhooks import NewEndpoint, TooManyEndpoints
from cashback.webhooks.consumer import TYPES
from cashback.webhooks.model import Claim
from cashback.webhooks.service import ending
from cashback.webhooks.service.delivering import HOLD_S, PER_ENDPOINT_MAX, PER_MERCHANT_MAX
from cashback.webhooks.store import due
from tests.integration.webhooks.world import World, eventually, refunded


async def claim(tx: Tx, *, limit: int = 64) -> list[Claim]:
    """Claim as a worker does."""
    return await due.claim_due(
        tx, limit=limit, per_merchant=PER_MERCHANT_MAX, per_endpoint=PER_ENDPOINT_MAX, hold_s=HOLD_S
    )


async def test_endpoints_of_one_merchant_that_say_nothing_leave_the_others_their_places(world: World) -> None:
    """Of ten with eight deliveries each, sixteen are in flight, though all of them waited longer than the others'."""
    for number in range(10):
        world.shop.slow(f"/slow/{number}")
        await world.endpoint(f"/slow/{number}")
    await world.endpoint("/fast", merchant_id="mer_2")
    await world.take(*(refunded() for _ in range(8)))
    await world.take(*(refunded(merchant_id="mer_2") for _ in range(60)))
    async with world.delivering(within_s=30.0):
        await eventually(lambda: world.has_got(60, "/fast"))
        assert sum(got.path.startswith("/slow") for got in world.shop.got) == PER_MERCHANT_MAX


async def test_each_merchants_oldest_is_claimed_before_anybodys_second(world: World) -> None:
    """One with a hundred that have waited for an hour, and three with one of just now, for four places."""
    for merchant in ("mer_1", "mer_2", "mer_3", None):
        await world.endpoint(f"/{merchant}", merchant_id=merchant, types=["purchase.refunded"])
    await world.take(*(refunded(merchant_id="mer_1") for _ in range(100)))
    world.rows("update webhooks.deliveries set due_at = now() - interval '1 hour'")
    await world.take(refunded(merchant_id="mer_2"), refunded(merchant_id="mer_3"))
    async with world.worker.transaction() as tx:
        claimed = await claim(tx, limit=4)
    of = dict(world.rows("select id, merchant_id from webhooks.endpoints"))
    assert {of[one.endpoint_id] for one in claimed} == {"mer_1", "mer_2", "mer_3", None}


async def test_each_endpoint_of_a_merchant_has_its_turn(world: World) -> None:
    """Five of them want twenty places of sixteen, and what has just come for the fifth is claimed as well."""
    for number in range(4):
        await world.endpoint(f"/{number}", types=["purchase.refunded"])
    await world.take(*(refunded() for _ in range(10)))
    world.rows("update webhooks.deliveries set due_at = now() - interval '1 hour'")
    fifth = await world.endpoint("/fifth", types=["purchase.refunded"])
    await world.take(refunded())
    async with world.worker.transaction() as tx:
        claimed = await claim(tx)
    assert len(claimed) == PER_MERCHANT_MAX
    assert [one.endpoint_id for one in claimed].count(fifth.id) == 1


async def test_what_waits_for_its_next_try_costs_a_claim_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the database reads: two thousand retries of an endpoint are not looked at to count what is in flight."""
    endpoint = await world.endpoint()
    world.rows(
        "insert into webhooks.deliveries (id, endpoint_id, event_id, type, body, occurred_at, due_at)"
        " select 'whd_' || n, %s, 'evt_' || n, 'token.minted', '{}', now(), now() + interval '1 day'"
        " from generate_series(1, 2000) as n",
        endpoint.id,
    )
    await world.take(refunded())
    world.rows("vacuum analyze webhooks.deliveries")
    plans: list[dict[str, Any]] = []
    async with world.worker.transaction() as tx:
        execute: Any = tx.execute

        async def explained(statement: str, parameters: object) -> object:
            """Have a statement explained as it runs, and run it once more."""
            cursor = await execute("explain (analyze, format json) " + statement, parameters)
            plans.extend((await cursor.fetchone())[0])
            return await execute(statement, parameters)

        monkeypatch.setattr(tx, "execute", explained)
        await claim(tx)
    [plan] = plans
    assert max(node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan["Plan"])) < 100


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a plan's nodes."""
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


async def test_what_waits_for_a_disabled_endpoint_ends_in_portions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first ones as it is disabled, the others by the worker, which tries none of them."""
    monkeypatch.setattr(ending, "PORTION", 7)
    endpoint = await world.endpoint()
    await world.take(*(refunded() for _ in range(20)))
    async with world.api.transaction() as tx:
        assert await world.endpoints.disable(tx, endpoint.id, merchant_id=None, by="test") == 7
    assert world.states() == ["due"] * 13 + ["failed"] * 7
    async with world.worker.transaction() as tx:
        assert await claim(tx) == []
        assert await ending.end_rest(tx) == 7
    async with world.worker.transaction() as tx:
        assert [await ending.end_rest(tx), await ending.end_rest(tx)] == [6, 0]
    assert world.states() == ["failed"] * 20
    assert world.shop.got == []


async def test_a_worker_ends_what_is_left_of_a_disabled_endpoint(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without being asked."""
    monkeypatch.setattr(ending, "PORTION", 15)
    endpoint = await world.endpoint()
    await world.take(*(refunded() for _ in range(20)))
    async with world.api.transaction() as tx:
        await world.endpoints.disable(tx, endpoint.id, merchant_id=None, by="test")
    async with world.delivering():
        await eventually(lambda: world.are(*["failed"] * 20))
    assert world.shop.got == []


async def test_a_merchant_has_a_number_of_endpoints_and_no_more(world: World) -> None:
    """Twenty that hear, two hundred in all; another merchant's are not counted, and enabling one asks as well."""
    made = [await world.endpoint(f"/{number}", types=["token.minted"]) for number in range(20)]
    await world.endpoint("/other", merchant_id="mer_2")
    with pytest.raises(TooManyEndpoints):
        await world.endpoint("/more")
    async with world.api.transaction() as tx:
        await world.endpoints.disable(tx, made[0].id, merchant_id="mer_1", by="test")
    await world.endpoint("/more")
    async with world.api.transaction() as tx:
        with pytest.raises(TooManyEndpoints):
            await world.endpoints.enable(tx, made[0].id, merchant_id="mer_1", by="test")
    world.rows(
        "insert into webhooks.endpoints (id, merchant_id, url, types, created_at, state, disabled_reason, disabled_at)"
        " select 'whe_' || n, 'mer_3', 'https://shop.example', '{token.minted}', now(), 'disabled', 'by_hand', now()"
        " from generate_series(1, 200) as n"
    )
    new = NewEndpoint(merchant_id="mer_3", url=world.shop.url(), types=tuple(TYPES), by="test")
    async with world.api.transaction() as tx:
        with pytest.raises(TooManyEndpoints, match="200"):
            await world.endpoints.create(tx, new)
        await world.endpoints.enable(tx, "whe_1", merchant_id="mer_3", by="test")


@pytest.mark.parametrize("reason,stored", [("gone", 1), ("failing", 1), ("by_hand", 0)])
async def test_what_an_endpoint_misses_that_we_disabled_is_kept_for_it(world: World, reason: str, stored: int) -> None:
    """As failed and never tried, for thirty days, so that a replay brings it; what a person disabled misses nothing."""
    endpoint = await world.endpoint()
    disabled = (
        "update webhooks.endpoints set state = 'disabled', disabled_reason = %s, disabled_at = now() - %s::interval"
    )
    world.rows(disabled, reason, "29 days")
    await world.take(refunded())
    world.rows(disabled, reason, "31 days")
    await world.take(refunded())
    assert world.states() == ["failed"] * stored
    assert world.rows("select coalesce(sum(attempts), 0) from webhooks.deliveries") == [(0,)]
    async with world.delivering():
        async with world.api.transaction() as tx:
            await world.endpoints.enable(tx, endpoint.id, merchant_id=None, by="test")
        await world.take(refunded())
        await eventually(lambda: world.are("delivered", *["failed"] * stored))
