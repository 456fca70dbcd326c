"""Purchases for backtests, and how one is run."""

from datetime import timedelta

import msgspec

from cashback.ledger.model import Programme
from cashback.ledger.model.backtests import Backtest, BacktestStory
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import Limits, MccIs, Rules
from cashback.ledger.service import Backtests
from cashback.purchases.model import NewPurchase
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.world import START, World, buy

PLENTY = 10_000_000
MOST = 1_000


def unheard(done: int, total: int) -> None:
    """Hear how far it is, and tell nobody."""
    assert 0 <= done <= total


async def tried(world: World, programme: Programme, rules: Rules, **asked: object) -> BacktestStory:
    """Return the story of rules that are tried on everything."""
    return await run(Backtests(world.auditor), programme, rules, **asked)


async def run(backtests: Backtests, programme: Programme, rules: Rules, **asked: object) -> BacktestStory:
    """Return the story of rules that are tried on everything, by those backtests."""
    what = msgspec.structs.replace(Backtest(ruleset="file", programme_id=programme.id, document=rules), **asked)
    return await backtests.run(what, most=MOST, reached=unheard)


async def bought(world: World, days: int = 3) -> list[NewPurchase]:
    """Record purchases of three users at two merchants on several days, in several batches; return them."""
    users = [await world.user() for _ in range(3)]
    merchants = [await world.merchant(mcc="5411"), await world.merchant(mcc="5812")]
    made = []
    for day in range(days):
        batch = [
            buy(user, merchants[(place + day) % 2], amount_minor=1_000 * (place + 1) + day, occurred_at=at)
            for place, user in enumerate(users)
            for at in (START + timedelta(days=day), START + timedelta(days=day, hours=1))
        ]
        world.clock.advance(START + timedelta(days=day, hours=2) - world.clock.now())
        await world.record(*batch)
        made += batch
    return made


async def ruled(world: World) -> tuple[Programme, Rules]:
    """Return a programme whose every limit cuts something."""
    programme = await world.programme()
    first = await campaign(world, programme, budget=1_500, day_limit=900)
    second = await campaign(world, programme, budget=200, exhaustion=Exhaustion.DECLINE)
    rules = Rules(
        rules=(rule("a", first, 1_000), rule("b", second, 200, when=(MccIs(any_of=("5411",)),))),
        limits=Limits(purchase="320", user_day="400", user_month="700", user_lifetime="900", merchant_day="600"),
    )
    await publish(world, programme, rules)
    return programme, rules
