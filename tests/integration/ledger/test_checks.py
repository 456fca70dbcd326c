"""What looks like abuse, counted by the database: each check at its bound and above it, with each of its actions."""

from datetime import timedelta

import pytest

from cashback.ledger import Programme
from cashback.ledger.model.rulesets import Action, Check, Rules
from cashback.purchases.model import Merchant, User
from tests.integration.ledger.adjusting import adjusted, credit_of, debit_of
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.world import World, buy, wallet_number

STATES = {Action.PASS: "approved", Action.REVIEW: "review", Action.DECLINE: "declined"}


async def watched(world: World, kind: str, above: int, action: Action = Action.DECLINE) -> Programme:
    """Give a programme of 10 % with one check."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=10_000_000)
    await publish(
        world, programme, Rules(rules=(rule("a", pays),), checks=(Check(kind=kind, above=above, action=action),))
    )
    return programme


async def state(world: World, user: User, merchant: Merchant) -> str:
    """Return where the cashback of a purchase of 100.00 made now begins."""
    [answer] = await world.record(buy(user, merchant, occurred_at=world.clock.now()))
    return answer.cashback.state


@pytest.mark.parametrize("action", list(Action))
async def test_the_refund_ratio_is_of_what_was_granted_in_90_days(world: World, action: Action) -> None:
    """A quarter back is at the bound, one unit more above it; after 90 days nobody remembers."""
    await watched(world, "refund_ratio_bps", 2_500, action)
    user, merchant = await world.user(), await world.merchant()
    [first] = await world.record(buy(user, merchant, 10_000))
    assert await state(world, user, merchant) == "approved"
    await refunded(world, give_back(first, 5_000))
    # 500 of the 2,000 that were granted.
    assert await state(world, user, merchant) == "approved"
    await refunded(world, give_back(first, 2_510))
    # 751 of 3,000.
    assert await state(world, user, merchant) == STATES[action]
    world.clock.advance(timedelta(days=90, seconds=1))
    assert await state(world, user, merchant) == "approved"
    await world.assert_books_prove()


async def test_what_was_given_or_taken_by_hand_is_in_no_refund_ratio(world: World) -> None:
    """A credit makes it no smaller, since it is no purchase; a debit makes it no larger, since nothing was returned."""
    programme = await watched(world, "refund_ratio_bps", 2_500)
    user, merchant = await world.user(), await world.merchant()
    [first] = await world.record(buy(user, merchant, 10_000))
    await refunded(world, give_back(first, 2_510))
    await adjusted(world, credit_of(user, programme.id, 100_000))
    assert await state(world, user, merchant) == "declined"
    other = await world.user()
    [wrong] = await world.record(buy(other, merchant, 10_000))
    await adjusted(world, debit_of(wrong.cashback.id, 600))
    assert await state(world, other, merchant) == "approved"


@pytest.mark.parametrize("action", list(Action))
async def test_purchases_of_the_last_hour_are_counted_with_this_one(world: World, action: Action) -> None:
    """Two are let pass, the third is not; an hour later it is the first again."""
    await watched(world, "purchases_per_hour", 2, action)
    user, merchant = await world.user(), await world.merchant()
    assert [await state(world, user, merchant) for _ in range(3)] == ["approved", "approved", STATES[action]]
    assert await state(world, await world.user(), merchant) == "approved"
    world.clock.advance(timedelta(hours=1))
    assert await state(world, user, merchant) == "approved"


@pytest.mark.parametrize("action", list(Action))
async def test_users_of_a_wallet_are_those_who_have_it_now(world: World, action: Action) -> None:
    """Two share one; who sets another leaves the first alone with it, and comes back by setting it again."""
    await watched(world, "users_per_wallet", 1, action)
    await world.rows("update ledger.programmes set users_per_wallet = 2")
    shared, merchant = wallet_number(77), await world.merchant()
    one = await world.user(wallet=shared)
    assert await state(world, one, merchant) == "approved"
    other = await world.user(wallet=shared)
    assert [await state(world, user, merchant) for user in (one, other)] == [STATES[action]] * 2
    await world.link(other, wallet_number(78))
    assert [await state(world, user, merchant) for user in (one, other)] == ["approved"] * 2
    await world.link(other, shared)
    assert await state(world, one, merchant) == STATES[action]


@pytest.mark.parametrize("action", list(Action))
async def test_an_owner_who_buys_from_themselves_is_seen(world: World, action: Action) -> None:
    """Theirs alone: at another merchant, or somebody else at theirs, nothing is seen."""
    await watched(world, "self_dealing", 0, action)
    owner, somebody = await world.user(), await world.user()
    own, other = await world.merchant(owner_id=owner.id), await world.merchant()
    assert await state(world, owner, own) == STATES[action]
    assert [await state(world, *pair) for pair in ((owner, other), (somebody, own))] == ["approved"] * 2
