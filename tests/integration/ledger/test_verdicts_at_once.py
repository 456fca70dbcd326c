"""What is said of a cashback while the worker is about to do what was said before (I1, I4, I8)."""

import asyncio

import msgspec
import pytest

from cashback.ledger.model.life import NewReview, Verdict
from cashback.ledger.service.reviews import say
from tests.integration.ledger.lives import bought, life_of, steps, with_terms
from tests.integration.ledger.turns import is_stopped, stopped_at
from tests.integration.ledger.world import World
from tests.support.facts import eventually


@pytest.mark.invariant("I1", "I4", "I8")
async def test_a_rejection_that_was_accepted_before_the_worker_has_the_cashback_counts(world: World) -> None:
    """It came beside the approval that suffices, and was committed after the worker had begun to look: one voids."""
    await with_terms(world, review_above_minor=0)
    [cashback_id] = await bought(world)
    approval = NewReview(
        cashback_id=cashback_id, verdict=Verdict.APPROVE, person="alice", reason="seen", key_id="key_1"
    )
    rejection = msgspec.structs.replace(approval, verdict=Verdict.REJECT, person="bob")
    has_said, may_commit = asyncio.Event(), asyncio.Event()

    async def rejects() -> None:
        """Say it, and commit when told."""
        async with world.api.transaction() as tx:
            assert (await say(tx, rejection, now=world.clock.now())).is_decided
            has_said.set()
            await may_commit.wait()

    async with stopped_at(world, "ledger.programmes"):
        rejected = asyncio.create_task(rejects())
        await has_said.wait()
        async with world.api.transaction() as tx:
            assert (await say(tx, approval, now=world.clock.now())).is_decided
        worked = asyncio.create_task(life_of(world).round())
        await eventually(lambda: is_stopped(world), within_s=30, what="the worker has begun to look")
        may_commit.set()
        await rejected
    assert (await worked).reviewed == 1
    assert await steps(world, cashback_id) == ["review", "voided"]
    await world.assert_books_prove()
