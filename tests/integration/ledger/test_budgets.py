"""Budgets in stripes under those who grant from them at the same time, by two pools of connections.

Separate processes do so in test_deciding_together.py.
"""

import asyncio
import random
from datetime import datetime, timedelta

import psycopg
import pytest

from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import NewCampaign, NewProgramme, close_campaign, create_campaign, rebalance_campaign
from cashback.ledger.model.rulesets import Fixed, Rules
from cashback.ledger.rules.stripes import home
from cashback.purchases.model import Merchant, User
from tests.integration.ledger.programme_rules import publish, rule
from tests.integration.ledger.world import START, Dsns, World, buy, open_world

pytestmark = pytest.mark.invariant("I1")


async def campaigns_of(world: World, *, budgets: list[int], stripes: int, grant: int = 1) -> list[str]:
    """Return campaigns with these budgets, each of which grants so much for every purchase."""
    terms = NewProgramme(name="striped", currency="USD", rate=Bps(1), token_rate=TokenRate(1, 1), budget=Minor(1))
    programme = await world.start(terms)
    made = []
    for place, budget in enumerate(budgets):
        new = NewCampaign(programme_id=programme.id, name=f"campaign {place}", budget=budget, stripes=stripes)
        async with world.api.transaction() as tx:
            made.append((await create_campaign(tx, new, now=START)).id)
    await world.rows("update ledger.campaigns set starts_at = %s", START - timedelta(days=1))
    rules = [rule(f"r{place}", name, Fixed(amount=str(grant))) for place, name in enumerate(made)]
    await publish(world, programme, Rules(rules=tuple(rules)))
    return made


async def left_of(world: World, campaign: str) -> list[int]:
    """Return what each stripe of a campaign holds."""
    rows = await world.rows(
        "select balance from ledger.accounts where owner = %s and kind = 'budget' order by stripe", campaign
    )
    return [row[0] for row in rows]


def at_home(user: User, stripe: int, *, stripes: int) -> datetime:
    """Return an instant at which a purchase of the user tries this stripe first."""
    times = (START - timedelta(seconds=place) for place in range(1_000))
    return next(time for time in times if home(user.id, time, stripes=stripes) == stripe)


async def granted(world: World, user: User, merchant: Merchant, *, stripe: int, stripes: int) -> int:
    """Record a purchase that tries this stripe first, and return what it was granted."""
    [answer] = await world.record(buy(user, merchant, occurred_at=at_home(user, stripe, stripes=stripes)))
    return int(answer.cashback.amount_minor)


async def test_a_grant_waits_for_nobody_at_another_stripe(world: World) -> None:
    """While a stripe is locked elsewhere, what the next one holds is granted."""
    [campaign] = await campaigns_of(world, budgets=[40], stripes=4, grant=5)
    user, merchant = await world.user(), await world.merchant()
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as other:
        await other.execute(
            "select from ledger.accounts where owner = %s and kind = 'budget' and stripe = 0 for update", (campaign,)
        )
        assert await granted(world, user, merchant, stripe=1, stripes=4) == 5
    assert await left_of(world, campaign) == [10, 5, 10, 10]


async def test_nobody_is_declined_for_what_another_stripe_still_holds(world: World) -> None:
    """The last unit is had from whichever stripe is tried, and nothing after it."""
    [campaign] = await campaigns_of(world, budgets=[10], stripes=4, grant=4)
    assert await left_of(world, campaign) == [3, 3, 2, 2]
    user, merchant = await world.user(), await world.merchant()
    given = [await granted(world, user, merchant, stripe=2, stripes=4) for _ in range(4)]
    assert given == [4, 4, 2, 0]
    assert await left_of(world, campaign) == [0, 0, 0, 0]
    await world.assert_books_prove()


async def test_one_campaign_that_is_used_up_takes_nothing_from_another(world: World) -> None:
    """Each gives what it has."""
    first, second = await campaigns_of(world, budgets=[5, 100], stripes=3, grant=9)
    user, merchant = await world.user(), await world.merchant()
    assert await granted(world, user, merchant, stripe=1, stripes=3) == 14
    assert (sum(await left_of(world, first)), sum(await left_of(world, second))) == (0, 91)


async def test_two_pools_never_grant_more_than_a_budget_and_never_wait_in_a_circle(dsns: Dsns) -> None:
    """Two pools of one process record 300 purchases of three campaigns in stripes; no unit is granted twice or lost."""
    seed = 20261126
    dice = random.Random(seed)  # noqa: S311  # a seeded test, no secret
    budgets = [400, 90, 10_000]
    async with open_world(dsns) as one, open_world(dsns) as other:
        campaigns = await campaigns_of(one, budgets=budgets, stripes=8, grant=3)
        users, merchant = [await one.user() for _ in range(10)], await one.merchant()

        async def record(world: World) -> int:
            time = START - timedelta(seconds=dice.randrange(1_000))
            purchases = [buy(dice.choice(users), merchant, occurred_at=time) for _ in range(5)]
            return sum(int(answer.cashback.amount_minor) for answer in await world.record(*purchases))

        given = 0
        for _ in range(15):
            given += sum(await asyncio.gather(*[record(world) for world in (one, other) * 2]))
        left = [sum(await left_of(one, campaign)) for campaign in campaigns]
        assert left == [0, 0, 10_000 - 300 * 3], f"seed {seed}"
        assert given == sum(budgets) - sum(left), f"seed {seed}"
        assert await one.one("select deadlocks from pg_stat_database where datname = current_database()") == 0
        await one.assert_books_prove()


async def test_rebalancing_evens_stripes_out(world: World) -> None:
    """What one stripe was asked for is shared by all; the sum stays, and a second time nothing moves."""
    [campaign] = await campaigns_of(world, budgets=[100], stripes=4, grant=25)
    user, merchant = await world.user(), await world.merchant()
    assert await granted(world, user, merchant, stripe=0, stripes=4) == 25
    for _ in range(2):
        async with world.api.transaction() as tx:
            await rebalance_campaign(tx, campaign, now=START)
        assert await left_of(world, campaign) == [19, 19, 19, 18]
    assert await world.one("select count(*) from ledger.transfers where cause = 'rebalancing'") == 3


async def test_a_closed_campaign_pays_for_nothing_that_occurs_from_then_on(world: World) -> None:
    """What occurred before it was closed is paid, however late it is told."""
    [campaign] = await campaigns_of(world, budgets=[40], stripes=4, grant=5)
    user, merchant = await world.user(), await world.merchant()
    async with world.api.transaction() as tx:
        await close_campaign(tx, campaign, reason="it was enough", now=START)
    answers = await world.record(
        buy(user, merchant, occurred_at=START), buy(user, merchant, occurred_at=START - timedelta(seconds=1))
    )
    assert [(one.cashback.amount_minor, one.cashback.reason) for one in answers] == [
        ("0", "no_rule_matched"),
        ("5", "granted"),
    ]
