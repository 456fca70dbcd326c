"""Several processes that decide at once: no limit and no budget is passed together, and none waits for ever."""

from collections.abc import Sequence

import pytest

from cashback.ledger.model.rulesets import FirstPurchase, Fixed, Limits, Rules, TierIs
from cashback.purchases.model import Merchant, PurchaseAnswer, User
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.recorder import Orders, record_together
from tests.integration.ledger.world import START, Dsns, World

PLENTY = 10_000_000
TURNS = 12


async def rush(dsns: Dsns, orders: Sequence[list[User]], merchant: Merchant) -> list[PurchaseAnswer]:
    """Have as many processes record at once, batch after batch, each the users of its own order."""
    return await record_together(
        [Orders(dsns.superuser, [user.id for user in order], merchant.id, START, TURNS) for order in orders]
    )


@pytest.mark.invariant("I1", "I8")
@pytest.mark.parametrize("asks_for_past", [False, True], ids=["counters", "pasts"])
@pytest.mark.parametrize("has_limits", [False, True], ids=["budgets", "limits"])
async def test_processes_never_pass_a_limit_or_a_budget_together_and_never_deadlock(
    dsns: Dsns, world: World, asks_for_past: bool, has_limits: bool
) -> None:
    """Four of them, 48 batches over the same twelve users, each in its own order: all recorded at the first try."""
    programme = await world.programme()
    tight, wide = (
        await campaign(world, programme, budget=30_000, stripes=3),
        await campaign(world, programme, budget=PLENTY, day_limit=11_000 if has_limits else None),
    )
    limits = Limits(user_day="1500", user_month="4000", user_lifetime="6000", merchant_day="15000")
    first = (rule("c", wide, Fixed(amount="50"), when=(FirstPurchase(),)),) if asks_for_past else ()
    rules = (rule("a", tight), rule("b", wide, 300), *first)
    await publish(world, programme, Rules(rules=rules, limits=limits if has_limits else Limits()))
    users, merchant = [await world.user() for _ in range(12)], await world.merchant()
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    before = await world.one(deadlocks)
    orders = (users, users[::-1], users[1::2] + users[::2], users[::2] + users[1::2][::-1])
    answers = await rush(dsns, orders, merchant)
    assert len(answers) == 4 * TURNS * len(users)
    assert await world.one(deadlocks) == before
    per_user: dict[str, int] = {}
    for answer in answers:
        per_user[answer.user_id] = per_user.get(answer.user_id, 0) + int(answer.cashback.amount_minor)
    assert max(per_user.values()) <= 6_000 or not has_limits
    assert has_limits or await budget_left(world, tight) == 0
    over = await world.rows(
        """
        select *
        from ledger.counters
        where used_minor > case kind when 'user_day' then 1500 when 'user_month' then 4000
                                     when 'user_lifetime' then 6000 else 15000 end
        """
    )
    assert over == []
    spent = 30_000 - await budget_left(world, tight) + PLENTY - await budget_left(world, wide)
    assert spent == sum(per_user.values())
    documents = await world.rows("select document from ledger.decisions")
    assert sum(b'"is_first_purchase":true' in document for (document,) in documents) == len(users) * asks_for_past
    await world.assert_books_prove()


async def test_processes_whose_users_and_campaigns_differ_never_pass_a_merchants_limit_together(
    dsns: Dsns, world: World
) -> None:
    """Golden users here, silver ones there, each paid by a campaign of their own: only the merchant is the same."""
    programme = await world.programme()
    made = [
        rule(tier, await campaign(world, programme, budget=PLENTY), when=(TierIs(any_of=(tier,)),))
        for tier in ("gold", "silver")
    ]
    await publish(world, programme, Rules(rules=tuple(made), limits=Limits(merchant_day="15500")))
    orders = [[await world.user(tier=tier) for _ in range(3)] for tier in ("gold", "gold", "silver", "silver")]
    merchant = await world.merchant()
    answers = await rush(dsns, orders, merchant)
    days = [answer.occurred_at.date() for answer in answers]
    for day in set(days):
        amounts = [int(answer.cashback.amount_minor) for answer in answers if answer.occurred_at.date() == day]
        assert sum(amounts) == 15_500
    assert len(set(days)) == 3
    await world.assert_books_prove()
