"""Recording by rulesets: what is stored, posted and counted, and what several processes can never do together."""

from datetime import timedelta

import psycopg

from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger import Conditions, NewProgramme, NewRate, put_rate
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.rulesets import Action, Check, FirstPurchase, Fixed, Limits, Lines, MccIs, Rules, Tier
from cashback.ledger.rules import decode_grants
from cashback.purchases.model import Line, Merchant, PurchaseAnswer, User
from cashback.purchases.rules import decode_lines
from tests.integration.ledger.programme_rules import budget_left, campaign, publish, rule
from tests.integration.ledger.world import START, World, buy

PLENTY = 10_000_000


def granted(answers: list[PurchaseAnswer]) -> list[int]:
    """Return what each purchase was granted."""
    return [int(answer.cashback.amount_minor) for answer in answers]


async def people(world: World) -> tuple[User, Merchant]:
    """Return somebody, and where they buy."""
    return await world.user(), await world.merchant()


async def test_a_grant_is_stored_with_its_campaigns_and_posted_out_of_each_budget(world: World) -> None:
    """Two campaigns pay one purchase; a refund will know which of them gets back how much."""
    programme = await world.programme()
    first, second = await campaign(world, programme, budget=900), await campaign(world, programme, budget=300)
    await publish(world, programme, Rules(rules=(rule("a", first, 500), rule("b", second, 400))))
    answers = await world.record(buy(*await people(world)))
    assert granted(answers) == [800]
    assert (answers[0].cashback.reason, answers[0].cashback.state) == ("granted_partly", "approved")
    assert (await budget_left(world, first), await budget_left(world, second)) == (400, 0)
    stored = decode_grants(await world.one("select grants from ledger.cashback_ledger"))
    [line] = stored.lines
    assert (line.base, dict(line.grants), stored.exponent, stored.rate) == (
        10_000,
        {first: 500, second: 300},
        2,
        (1, 1),
    )
    cashback = await world.readings.cashback(answers[0].cashback.id)
    assert await world.readings.replayed(cashback) == cashback.document
    await world.assert_books_prove()


async def test_the_ruleset_is_the_newest_whose_window_holds_the_purchase(world: World) -> None:
    """What is staged for the future decides nothing yet, and what was in force then decides what occurred then."""
    programme = await world.programme(rate=100)
    pays = await campaign(world, programme, budget=PLENTY)
    tomorrow = START + timedelta(days=1)
    await publish(world, programme, Rules(rules=(rule("a", pays, 500),)), starts_at=tomorrow)
    user, merchant = await people(world)
    world.clock.advance(timedelta(days=3))
    times = (START, tomorrow - timedelta(seconds=1), tomorrow)
    assert granted(await world.record(*[buy(user, merchant, occurred_at=at) for at in times])) == [100, 100, 500]


async def test_limits_hold_over_batches_and_by_the_day_of_the_programme(world: World) -> None:
    """Each day and each month has its own counter; what is counted stays counted."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    limits = Limits(user_day="1500", user_month="3500", user_lifetime="4000")
    await publish(world, programme, Rules(rules=(rule("a", pays),), limits=limits))
    user, merchant = await people(world)
    days = [START - timedelta(days=number) for number in (0, 0, 1, 1, 2, 3, 4)]
    answers = [answer for at in days for answer in await world.record(buy(user, merchant, occurred_at=at))]
    # The 1st of March, then the last days of February: 1500 of March, then 2500 more in a lifetime.
    assert granted(answers) == [1_000, 500, 1_000, 500, 1_000, 0, 0]
    assert [answer.cashback.reason for answer in answers][-2:] == ["user_lifetime_limit"] * 2
    rows = await world.rows("select kind, period, used_minor from ledger.counters where used_minor > 0 order by 1, 2")
    assert rows == [
        ("user_day", "2026-02-27", 1_000),
        ("user_day", "2026-02-28", 1_500),
        ("user_day", "2026-03-01", 1_500),
        ("user_lifetime", "", 4_000),
        ("user_month", "2026-02", 2_500),
        ("user_month", "2026-03", 1_500),
    ]


async def test_a_campaign_ends_declines_waits_or_pays_by_the_day(world: World) -> None:
    """Every way in which a campaign may not pay all, each with its reason."""
    programme = await world.programme()
    ended = await campaign(world, programme, budget=PLENTY, ends_at=START)
    day = await campaign(world, programme, budget=PLENTY, day_limit=600)
    declines = await campaign(world, programme, budget=999, exhaustion=Exhaustion.DECLINE)
    waits = await campaign(world, programme, budget=999, exhaustion=Exhaustion.WAITLIST)
    user, merchant = await people(world)
    seen = []
    for pays in (ended, day, day, declines, waits):
        await publish(world, programme, Rules(rules=(rule("a", pays),)))
        [answer] = await world.record(buy(user, merchant))
        seen.append((answer.cashback.state, answer.cashback.reason, answer.cashback.amount_minor))
    assert seen == [
        ("declined", "no_rule_matched", "0"),
        ("approved", "granted_partly", "600"),
        ("declined", "campaign_day_limit", "0"),
        ("declined", "budget_exhausted", "0"),
        ("waitlisted", "budget_waitlisted", "0"),
    ]
    assert await budget_left(world, waits) == 999
    await world.assert_books_prove()


async def test_what_is_held_or_reviewed_is_pending_and_announced_to_nobody(world: World) -> None:
    """The money is reserved, no mint is asked for, and what is old enough is approved at once."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    await publish(world, programme, Rules(rules=(rule("a", pays),), review_above="2000"))
    await world.rows("update ledger.programmes set hold_days = 14")
    user, merchant = await people(world)
    answers = await world.record(
        buy(user, merchant), buy(user, merchant, 30_000), buy(user, merchant, occurred_at=START - timedelta(days=14))
    )
    assert [answer.cashback.state for answer in answers] == ["pending", "review", "approved"]
    assert [answer.cashback.reason for answer in answers] == ["granted", "review_above", "granted"]
    holds = await world.rows("select hold_until, approved_at from ledger.cashback_ledger order by position")
    until = START + timedelta(days=14)
    assert holds == [(until, None), (until, None), (START, START)]
    assert len(await world.events("ledger", "cashback.approved")) == 1
    balances = await world.rows("select kind, balance from ledger.accounts where owner = %s order by kind", user.id)
    assert balances == [("approved", 1_000), ("pending", 4_000)]
    await world.assert_books_prove()


async def test_a_purchase_in_another_currency_is_decided_at_the_rate_that_held_then(world: World) -> None:
    """The rate is frozen in the decision; without one nothing is earned."""
    conditions = Conditions(accepts=("EUR", "JPY"))
    terms = NewProgramme(
        name="three", currency="USD", rate=Bps(1), token_rate=TokenRate(1, 1), budget=Minor(1), conditions=conditions
    )
    programme = await world.start(terms)
    pays = await campaign(world, programme, budget=PLENTY)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    async with world.api.transaction() as tx:
        for hours, rate in ((-48, TokenRate(1, 1)), (-1, TokenRate(11, 10)), (1, TokenRate(2, 1))):
            new = NewRate(
                base="EUR",
                quote="USD",
                numerator=rate.numerator,
                denominator=rate.denominator,
                source="ecb",
                as_of=START + timedelta(hours=hours),
            )
            await put_rate(tx, new, now=START + timedelta(hours=2))
    user, merchant = await people(world)
    answers = await world.record(
        buy(user, merchant, 1_999, currency="EUR"),
        buy(user, merchant, 1_999, currency="EUR", occurred_at=START - timedelta(hours=2)),
        buy(user, merchant, 1_999, currency="JPY"),
    )
    assert [(answer.cashback.amount_minor, answer.cashback.currency, answer.cashback.reason) for answer in answers] == [
        ("219", "USD", "granted"),
        ("199", "USD", "granted"),
        ("0", "USD", "no_exchange_rate"),
    ]
    assert answers[0].cashback.explanation == "19.99 EUR earned 2.19 USD: 2.190000 CBK."
    await world.assert_books_prove()


async def test_first_purchases_and_velocity_are_those_of_the_user_within_a_batch_too(world: World) -> None:
    """The first anywhere, the first at each merchant, and the fifth within an hour."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    rules = Rules(
        rules=(
            rule("base", pays, Fixed(amount="1")),
            rule("first", pays, Fixed(amount="100"), when=(FirstPurchase(),)),
            rule("here", pays, Fixed(amount="10"), when=(FirstPurchase(at="merchant"),)),
        ),
        checks=(Check(kind="purchases_per_hour", above=4, action=Action.DECLINE),),
    )
    await publish(world, programme, rules)
    user, here, there = await world.user(), await world.merchant(), await world.merchant()
    answers = await world.record(buy(user, here), buy(user, here), buy(user, there))
    answers += await world.record(buy(user, here), buy(user, here))
    assert granted(answers) == [111, 1, 11, 1, 0]
    assert answers[-1].cashback.reason == "too_many_purchases"
    world.clock.advance(timedelta(hours=2))
    assert granted(await world.record(buy(user, there))) == [1]


async def test_a_user_who_shares_a_wallet_is_seen(world: World) -> None:
    """Two users, one wallet: the second is reviewed."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    checks = (Check(kind="users_per_wallet", above=1, action=Action.REVIEW),)
    await publish(world, programme, Rules(rules=(rule("a", pays),), checks=checks))
    user, merchant = await people(world)
    [alone] = await world.record(buy(user, merchant))
    wallet = await world.one("select wallet from ledger.recipients where user_id = %s", user.id)
    await world.rows("update ledger.programmes set users_per_wallet = 2")
    other = await world.user(wallet=wallet)
    [shared] = await world.record(buy(other, merchant))
    assert (alone.cashback.state, shared.cashback.state) == ("approved", "review")
    assert shared.cashback.reason == "wallet_shared"


async def test_lines_categories_tiers_and_owners_are_what_the_rules_are_told(world: World) -> None:
    """Food at a grocer's earns for a golden user, twice as much, and nothing in one's own shop."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    rules = Rules(
        rules=(rule("food", pays, when=(MccIs(any_of=("5411",)),), lines=Lines(categories=("food",))),),
        tiers=(Tier(id="gold", multiplier_bps=20_000),),
        checks=(Check(kind="self_dealing", above=0, action=Action.DECLINE),),
    )
    await publish(world, programme, rules)
    golden, plain = await world.user(tier="gold"), await world.user()
    grocer, other = await world.merchant(mcc="5411"), await world.merchant(mcc="5812")
    own = await world.merchant(mcc="5411", owner_id=golden.id)
    lines = (Line(amount_minor=4000, sku="tea", category="food"), Line(amount_minor=6000, sku="cup"))
    bought = [(golden, grocer), (plain, grocer), (golden, other), (golden, own), (plain, own)]
    answers = await world.record(*[buy(user, merchant, lines=lines) for user, merchant in bought])
    assert granted(answers) == [800, 400, 0, 0, 400]
    assert [answer.cashback.reason for answer in answers[2:4]] == ["no_rule_matched", "self_dealing"]
    stored = decode_grants(await world.one("select grants from ledger.cashback_ledger order by position limit 1"))
    assert [(line.base, dict(line.grants)) for line in stored.lines] == [(4_000, {pays: 800}), (0, {})]
    assert decode_lines((await world.purchases.purchase(answers[0].id)).lines) == lines
    await world.assert_books_prove()


async def test_a_striped_budget_is_granted_to_its_last_unit(world: World) -> None:
    """One stripe does not hold it all: the rest comes from the next ones."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000, stripes=3)
    await publish(world, programme, Rules(rules=(rule("a", pays),)))
    await world.record(buy(*await people(world), 100))
    await world.rows("update ledger.accounts set balance = 330 where owner = %s and kind = 'budget'", pays)
    answers = await world.record(buy(*await people(world)))
    assert granted(answers) == [990]
    assert await budget_left(world, pays) == 0


async def test_only_who_decides_counts_and_only_the_api_keeps_rates(world: World) -> None:
    """Each role has its part in the new tables, and no more."""
    counts = "insert into ledger.counters (owner, subject, kind, period) values ('prg_1', 'usr_1', 'user_lifetime', '')"
    lowers = "update ledger.counters set period = '2026-01-01'"
    quotes = (
        "insert into ledger.exchange_rates"
        " (base, quote, numerator, denominator, source, as_of, is_confirmed, recorded_at)"
        " values ('EUR', 'USD', 1, 1, 'nobody', now(), false, now())"
    )
    refused = [
        (role, statement)
        for role in ("cashback_api", "cashback_ledger", "cashback_operator", "cashback_auditor", "cashback_relay")
        for statement in (counts, lowers, quotes)
        if await _is_refused(world.dsns.of(role), statement)
    ]
    allowed = {("cashback_api", counts), ("cashback_api", quotes), ("cashback_ledger", counts)}
    assert len(refused) == 15 - len(allowed)
    assert not allowed & set(refused)


async def _is_refused(dsn: str, statement: str) -> bool:
    """Return whether a role may not do that; what it may do is undone."""
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        try:
            await connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            return True
        finally:
            await connection.rollback()
    return False
