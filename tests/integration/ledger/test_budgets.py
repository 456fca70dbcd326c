"""Budgets in stripes under those who reserve from them at the same time, in two processes."""

import asyncio
import random

from cashback.kernel.money import Minor, TokenRate
from cashback.ledger import NewCampaign, NewProgramme, create_campaign, rebalance_campaign
from cashback.ledger.model import Account, AccountKind, Cause, Posting
from cashback.ledger.service import reserve
from cashback.ledger.service.posting import post
from tests.integration.ledger.world import START, Dsns, World, open_world


async def campaigns_of(world: World, *, budgets: list[int], stripes: int) -> list[str]:
    """Return the campaigns of a new programme, with these budgets."""
    terms = NewProgramme(name="striped", currency="USD", rate=None, token_rate=TokenRate(1, 1), budget=None)
    programme = await world.start(terms)
    made = []
    for place, budget in enumerate(budgets):
        new = NewCampaign(programme_id=programme.id, name=f"campaign {place}", budget=budget, stripes=stripes)
        async with world.api.transaction() as tx:
            made.append((await create_campaign(tx, new, now=START)).id)
    return made


async def grant(world: World, wants: dict[str, Minor], *, home: int) -> dict[str, int]:
    """Reserve and spend in one transaction, as recording does, and return what each campaign gave."""
    async with world.api.transaction() as tx:
        held = await reserve(tx, wants, home=home, now=START)
        postings = [
            Posting(
                debit=one.account,
                credit=Account("usr_1", AccountKind.APPROVED, "USD"),
                amount=one.amount,
                cause=Cause.ACCRUAL,
                cashback_id="cb_1",
            )
            for one in held.values()
            if one.amount
        ]
        await post(tx, postings, at=START)
    return {owner: one.amount for owner, one in held.items()}


async def left_of(world: World, campaign: str) -> list[int]:
    """Return what each stripe of a campaign holds."""
    rows = await world.rows(
        "select balance from ledger.accounts where owner = %s and kind = 'budget' order by stripe", campaign
    )
    return [row[0] for row in rows]


async def test_a_stripe_borrows_before_anybody_is_declined(world: World) -> None:
    """The last unit is had from whichever stripe is asked, and nothing after it; a loan moves nothing else."""
    [campaign] = await campaigns_of(world, budgets=[10], stripes=4)
    assert await left_of(world, campaign) == [3, 3, 2, 2]
    assert await grant(world, {campaign: Minor(2)}, home=2) == {campaign: 2}
    assert await world.one("select count(*) from ledger.transfers where cause = 'rebalancing'") == 0
    assert await grant(world, {campaign: Minor(7)}, home=3) == {campaign: 7}
    assert sum(await left_of(world, campaign)) == 1
    assert await grant(world, {campaign: Minor(5)}, home=2) == {campaign: 1}
    assert await grant(world, {campaign: Minor(5)}, home=0) == {campaign: 0}
    assert await left_of(world, campaign) == [0, 0, 0, 0]


async def test_one_campaign_that_is_used_up_takes_nothing_from_another(world: World) -> None:
    """Each gives what it has."""
    first, second = await campaigns_of(world, budgets=[5, 100], stripes=3)
    given = await grant(world, {first: Minor(9), second: Minor(9)}, home=7)
    assert given == {first: 5, second: 9}
    assert sum(await left_of(world, second)) == 91


async def test_two_processes_never_grant_more_than_a_budget_and_never_wait_in_a_circle(dsns: Dsns) -> None:
    """300 transactions of two processes want from three campaigns in any order; in the end every unit is granted."""
    seed = 20261126
    dice = random.Random(seed)  # noqa: S311  # a seeded test, no secret
    budgets = [400, 90, 1_000]
    async with open_world(dsns) as one, open_world(dsns) as other:
        campaigns = await campaigns_of(one, budgets=budgets, stripes=8)
        given = dict.fromkeys(campaigns, 0)

        async def spend(world: World) -> None:
            chosen = dice.sample(campaigns, dice.randint(1, 3))
            wants = {campaign: Minor(dice.randint(1, 12)) for campaign in chosen}
            for campaign, amount in (await grant(world, wants, home=dice.randrange(64))).items():
                given[campaign] += amount

        for _ in range(15):
            await asyncio.gather(*[spend(world) for world in (one, other) * 10])
        left = {campaign: sum(await left_of(one, campaign)) for campaign in campaigns}
        assert {name: given[name] + left[name] for name in campaigns} == dict(zip(campaigns, budgets, strict=True)), (
            f"seed {seed}"
        )
        assert [name for name in campaigns if given[name] and left[name] == 0]
        deadlocks = await one.one("select deadlocks from pg_stat_database where datname = current_database()")
        assert deadlocks == 0


async def test_rebalancing_evens_stripes_out(world: World) -> None:
    """What one stripe was asked for is shared by all; the sum stays, and a second time nothing moves."""
    [campaign] = await campaigns_of(world, budgets=[100], stripes=4)
    await grant(world, {campaign: Minor(25)}, home=0)
    for _ in range(2):
        async with world.api.transaction() as tx:
            await rebalance_campaign(tx, campaign, now=START)
        assert await left_of(world, campaign) == [19, 19, 19, 18]
    assert await world.one("select count(*) from ledger.transfers where cause = 'rebalancing'") == 3
