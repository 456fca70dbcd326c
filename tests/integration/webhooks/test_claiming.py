"""A claim keeps nobody waiting, and nothing waits for a clock that was set back since."""

from typing import Final

import pytest

from cashback.kernel.db import Tx
from cashback.webhooks.model import Claim
from cashback.webhooks.service.delivering import HOLD_S, PER_ENDPOINT_MAX, PER_MERCHANT_MAX
from cashback.webhooks.service.ending import end_rest
from cashback.webhooks.store import due
from tests.integration.webhooks.test_forgetting import opened
from tests.integration.webhooks.world import World, eventually, refunded

SOON: Final = "set local lock_timeout = '500ms'"
"""Whoever would wait for a claim fails, long before the database throws out whoever claims and stands still."""


async def claim(tx: Tx, *, limit: int = 64, hold_s: int = HOLD_S) -> list[Claim]:
    """Claim as a worker does."""
    return await due.claim_due(
        tx, limit=limit, per_merchant=PER_MERCHANT_MAX, per_endpoint=PER_ENDPOINT_MAX, hold_s=hold_s
    )


async def test_a_claim_locks_what_it_takes_and_nothing_else(world: World) -> None:
    """One that has room for a single try leaves those of eleven other merchants to a worker beside it."""
    for number in range(12):
        await world.endpoint(f"/{number}", merchant_id=f"mer_{number}", types=["purchase.refunded"])
        await world.take(*(refunded(merchant_id=f"mer_{number}") for _ in range(PER_ENDPOINT_MAX)))
    async with opened(world, "cashback_webhooks") as one, opened(world, "cashback_webhooks") as other:
        [first] = await claim(one, limit=1)
        rest = await claim(other)
    assert len({first.id, *(each.id for each in rest)}) == 12 * PER_ENDPOINT_MAX


async def test_claims_side_by_side_take_no_more_of_an_endpoint_than_one_would(world: World) -> None:
    """Neither sees what the other has not committed, and both choose from the same."""
    await world.endpoint()
    await world.take(*(refunded() for _ in range(20)))
    async with opened(world, "cashback_webhooks") as one, opened(world, "cashback_webhooks") as other:
        taken = [len(await claim(one, limit=3)), len(await claim(other))]
    assert taken == [3, PER_ENDPOINT_MAX - 3]


async def test_claims_that_are_planned_otherwise_choose_the_same_of_what_is_due_at_one_instant(world: World) -> None:
    """As all is that came in one batch; here one reads by the index, and the other sorts."""
    await world.endpoint()
    await world.take(*(refunded() for _ in range(20)))
    world.rows("update webhooks.deliveries set type = type where id in (select id from webhooks.deliveries limit 10)")
    async with opened(world, "cashback_webhooks") as one, opened(world, "cashback_webhooks") as other:
        for way in ("indexscan", "bitmapscan"):
            await other.execute(f"set local enable_{way} = off")
        taken = [len(await claim(one, limit=3)), len(await claim(other))]
    assert taken == [3, PER_ENDPOINT_MAX - 3]


async def test_disabling_an_endpoint_waits_for_no_claim(world: World) -> None:
    """What is being claimed ends within seconds, by the worker that ends the rest."""
    endpoint = await world.endpoint()
    await world.take(*(refunded() for _ in range(10)))
    async with opened(world, "cashback_webhooks") as claiming:
        assert len(await claim(claiming)) == PER_ENDPOINT_MAX
        async with world.api.transaction() as tx:
            await tx.execute(SOON)
            ended = await world.endpoints.disable(tx, endpoint.id, merchant_id="mer_1", by="test")
        assert ended == 10 - PER_ENDPOINT_MAX
        async with world.worker.transaction() as tx:
            await tx.execute(SOON)
            assert await end_rest(tx) == 0
    async with world.worker.transaction() as tx:
        assert await end_rest(tx) == PER_ENDPOINT_MAX
    assert world.states() == ["failed"] * 10


@pytest.mark.invariant("I4")
async def test_what_was_set_by_a_clock_that_was_set_back_since_waits_no_longer_than_it_was_to(world: World) -> None:
    """New, or claimed by a worker that died then: delivered within seconds; to be tried again in five minutes: then."""
    await world.endpoint()
    await world.take(refunded(), refunded(), refunded())
    async with world.worker.transaction() as tx:
        _, again = await claim(tx, limit=2, hold_s=1)
    noted = "update webhooks.deliveries set state = 'due', due_at = due_set_at + interval '5 minutes' where id = %s"
    world.rows(noted, again.id)
    ahead = "update webhooks.deliveries set due_at = due_at + %(hour)s, due_set_at = due_set_at + %(hour)s"
    world.rows(ahead.replace("%(hour)s", "interval '1 hour'"))
    async with world.delivering():
        await eventually(lambda: world.are("delivered", "delivered", "due"))
    left = "select extract(epoch from due_at - clock_timestamp()) from webhooks.deliveries where id = %s"
    [(left_s,)] = world.rows(left, again.id)
    assert 240 < left_s <= 300


async def test_what_a_process_of_before_sets_after_a_clock_was_set_back_stays_as_it_set_it(world: World) -> None:
    """It does not know of the instant: a try that it goes on with is not another's, its pause is not cut short."""
    await world.endpoint()
    await world.take(refunded(), refunded())
    async with world.worker.transaction() as tx:
        held, again = await claim(tx, limit=2)
    world.rows("update webhooks.deliveries set due_set_at = now() + interval '1 hour'")
    noted = "update webhooks.deliveries set state = %s, due_at = now() + %s::interval where id = %s returning due_at"
    due_at = [*world.rows(noted, "claimed", "6 seconds", held.id), *world.rows(noted, "due", "30 minutes", again.id)]
    async with world.worker.transaction() as tx:
        assert [await due.mend(tx, ahead_s=10, limit=10) for _ in range(2)] == [2, 0]
    assert world.rows("select due_at from webhooks.deliveries order by due_at") == due_at


async def test_what_waits_by_the_clock_as_it_is_waits_on(world: World) -> None:
    """A day, as an endpoint may ask for; nothing of it is written anew."""
    await world.endpoint()
    await world.take(refunded())
    world.rows("update webhooks.deliveries set due_at = due_at + interval '1 day'")
    async with world.worker.transaction() as tx:
        assert await due.mend(tx, ahead_s=0, limit=10) == 0
