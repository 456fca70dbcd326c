"""Rules tried on what was bought: nothing changes by those that decided it, and what does change is told exactly."""

from datetime import timedelta

import pytest

from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.ledger.model.backtests import Backtest, BacktestInvalid, BacktestTooLarge, Kept, Start, Trial
from cashback.ledger.model.drafts import DraftUnknown, RulesetUnknown
from cashback.ledger.model.engine import Paying
from cashback.ledger.model.problems import RulesetInvalid
from cashback.ledger.model.rulesets import FirstPurchase, Limits, Rules
from cashback.ledger.rules.backtesting import Tally, prospect
from cashback.ledger.rules.engine import document_in_full
from cashback.ledger.service import Backtests
from cashback.ledger.store import terms
from tests.integration.ledger.adjusting import adjusted, credit_of, debit_of
from tests.integration.ledger.backtested import MOST, PLENTY, bought, ruled, tried, unheard
from tests.integration.ledger.programme_rules import campaign, publish, rule
from tests.integration.ledger.refunding import give_back, refunded
from tests.integration.ledger.world import START, World, buy


async def test_the_rules_that_decided_change_nothing(world: World) -> None:
    """Every limit and both budgets are met on the way; all sums agree with what is stored."""
    programme, rules = await ruled(world)
    made = await bought(world)
    story = await tried(world, programme, rules)
    stored = await world.one("select sum(amount_minor) from ledger.cashback_ledger")
    assert story.purchases == len(made)
    assert (story.recorded_minor, story.draft_minor, story.difference_minor) == (str(stored), str(stored), "0")
    assert (story.by_purchase.stay, story.by_purchase.gain, story.by_purchase.lose) == (len(made), 0, 0)
    assert all(cost.difference_minor == "0" for cost in story.campaigns)
    assert all(each.recorded == each.draft for each in story.reasons)
    assert {each.limit for each in story.limits} >= {"purchase", "user_day", "merchant_day", "campaign_total"}
    assert (story.largest_rises, story.largest_falls, story.user_rises, story.user_falls) == ([], [], [], [])
    lefts = {cost.campaign_id: int(cost.left_minor) for cost in story.campaigns}
    held = await world.rows(
        "select owner, balance from ledger.accounts where kind = 'budget' and owner = any(%s)", list(lefts)
    )
    assert lefts == dict(held)


async def test_the_rules_that_decided_give_the_very_bytes(world: World) -> None:
    """The pure part alone, with the version's own identity, writes every stored document again."""
    programme, _ = await ruled(world)
    await bought(world)
    rows = await world.rows(
        """
        select position, created_at, purchase_id, user_id, document
        from ledger.cashback_ledger join ledger.decisions on cashback_id = id
        order by position
        """
    )
    async with world.auditor.transaction() as tx:
        ids = await world.one("select array_agg(id) from ledger.rulesets where ends_at is null")
        [version] = await terms.rulesets(tx, ids)
        campaigns = (await terms.campaigns(tx, [programme.id]))[programme.id]
    budgets = {rule.campaign: amount for rule, amount in zip(version.rules.rules, (1_500, 200), strict=True)}
    paying = {
        name: Paying(budget=Minor(budget), day=campaigns[name].day_limit, exhaustion=campaigns[name].exhaustion)
        for name, budget in budgets.items()
    }
    tally, trial = Tally(version, Start(paying=paying), largest=1), Trial(ruleset=version, campaigns=campaigns)
    for row in rows:
        found = prospect(Kept(*row), trial)
        assert found is not None
        assert document_in_full(tally.take(found)) == row[4]


async def test_twice_the_percentage_costs_twice_as_much(world: World) -> None:
    """With no limit in the way, everybody gains, and the largest changes are told in order."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    await publish(world, programme, Rules(rules=(rule("a", pays, 500),)))
    await bought(world)
    story = await tried(world, programme, Rules(rules=(rule("a", pays, 1_000),)), largest=2)
    recorded = await world.one("select sum(amount_minor) from ledger.cashback_ledger")
    assert int(story.recorded_minor) == recorded > 0
    # Of 10.01 USD, 5 % is 50 and 10 % is 100: rounded down, both.
    due = await world.one("select sum(amount_minor / 10) from purchases.purchases")
    assert (int(story.draft_minor), int(story.difference_minor)) == (due, due - recorded)
    assert (story.by_user.gain, story.by_user.lose, story.by_user.stay) == (3, 0, 0)
    assert (story.by_merchant.gain, story.by_purchase.gain) == (2, 18)
    assert [each.difference_minor for each in story.largest_rises] == ["150", "150"]
    assert (len(story.user_rises), story.largest_falls) == (2, [])
    sizes = [int(each.difference_minor) for each in story.user_rises]
    assert sizes == sorted(sizes, reverse=True)


async def test_limits_and_budgets_are_counted_as_the_rules_tried_would_have_had_them(world: World) -> None:
    """A limit of each day cuts what was granted without one; a budget ends, and it is said when."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=10_000)
    await publish(world, programme, Rules(rules=(rule("a", pays, 500),)))
    await bought(world)
    limited = Rules(rules=(rule("a", pays, 500),), limits=Limits(user_day="60"))
    story = await tried(world, programme, limited)
    assert story.draft_minor == str(3 * 3 * 60)
    assert [(each.limit, each.purchases) for each in story.limits] == [("user_day", 18 - 3)]
    assert (story.by_user.lose, story.by_user.gain) == (3, 0)
    [cost] = (await tried(world, programme, Rules(rules=(rule("a", pays, 5_000),)))).campaigns
    assert (cost.budget_minor, cost.draft_minor, cost.left_minor) == ("10000", "10000", "0")
    assert cost.short_at == START + timedelta(days=1, hours=2)


async def test_a_window_begins_with_the_budget_of_then(world: World) -> None:
    """What was granted before the window has left the budget; what is granted in it is decided anew."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000)
    await publish(world, programme, Rules(rules=(rule("a", pays, 500),)))
    await bought(world)
    since = START + timedelta(days=1)
    before = await world.one("select sum(amount_minor) from ledger.cashback_ledger where created_at < %s", since)
    story = await tried(world, programme, Rules(rules=(rule("a", pays, 500),)), since=since)
    assert (story.purchases, story.difference_minor) == (12, "0")
    assert story.campaigns[0].budget_minor == str(1_000 - before)
    first = await tried(world, programme, Rules(rules=(rule("a", pays, 500),)), until=since)
    assert (first.purchases, first.campaigns[0].budget_minor) == (6, "1000")


async def test_what_was_given_by_hand_has_left_the_budget_for_good(world: World) -> None:
    """A backtest decides purchases anew and no credit, so it has no more to spend than there was beside that."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=1_000)
    await publish(world, programme, Rules(rules=(rule("a", pays, 500),)))
    given = await adjusted(world, credit_of(await world.user(), programme.id, 300, campaign_id=pays))
    await adjusted(world, debit_of(given.cashback_id, 100))
    await bought(world)
    for since in (None, START):
        story = await tried(world, programme, Rules(rules=(rule("a", pays, 500),)), since=since)
        assert (story.campaigns[0].budget_minor, story.difference_minor) == ("800", "0")


async def test_what_no_programme_took_is_counted(world: World) -> None:
    """Of the window alone; another programme's purchases are no part of that."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    await world.programme(currency="EUR")
    user, merchant = await world.user(), await world.merchant()
    await world.record(buy(user, merchant, currency="JPY"), buy(user, merchant, currency="EUR"))
    world.clock.advance(timedelta(days=1))
    await world.record(buy(user, merchant, currency="JPY"), buy(user, merchant, currency="JPY"), buy(user, merchant))
    rules = Rules(rules=(rule("a", pays),))
    windows: tuple[dict[str, object], ...] = (
        {},
        {"since": START + timedelta(days=1)},
        {"until": START + timedelta(days=1)},
    )
    told = [await tried(world, programme, rules, **window) for window in windows]
    assert [(each.purchases, each.without_programme) for each in told] == [(1, 3), (1, 2), (0, 1)]


async def test_what_came_back_to_budgets_is_told_and_not_paid_out_again(world: World) -> None:
    """By the rules that decided, a budget that refunds had filled again pays that much less at most."""
    programme = await world.programme()
    pays, other = await campaign(world, programme, budget=500), await campaign(world, programme, budget=100)
    rules = Rules(rules=(rule("a", pays, 500), rule("b", other, 10)))
    await publish(world, programme, rules)
    user, merchant = await world.user(), await world.merchant()
    [first] = await world.record(buy(user, merchant, 10_000))
    world.clock.advance(timedelta(days=1))
    await refunded(world, give_back(first, 4_000))
    [second] = await world.record(buy(user, merchant, 10_000))
    assert (first.cashback.amount_minor, second.cashback.amount_minor) == ("510", "204")
    whole = await tried(world, programme, rules)
    back = {cost.campaign_id: cost.given_back_minor for cost in whole.campaigns}
    assert (whole.given_back_minor, back) == ("204", {pays: "194", other: "10"})
    assert whole.difference_minor == "-194"
    until = await tried(world, programme, rules, until=START + timedelta(days=1))
    assert (until.given_back_minor, until.difference_minor) == ("0", "0")
    since = await tried(world, programme, rules, since=START + timedelta(days=1))
    assert (since.given_back_minor, since.difference_minor) == ("204", "-194")
    by_hand = await adjusted(world, credit_of(user, programme.id, 50, campaign_id=other))
    await adjusted(world, debit_of(by_hand.cashback_id, 10))
    assert (await tried(world, programme, rules)).given_back_minor == "204"


async def test_what_was_never_asked_is_said(world: World) -> None:
    """Rules of first purchases are tried on decisions that did not look for them."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    await bought(world, days=1)
    story = await tried(world, programme, Rules(rules=(rule("a", pays, when=(FirstPurchase(),)),)))
    assert (story.purchases, story.past_unknown, story.draft_minor) == (6, 6, "0")


async def test_nothing_bought_is_no_failure(world: World) -> None:
    """An empty history costs nothing either way."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    story = await tried(world, programme, Rules(rules=(rule("a", pays),)))
    assert (story.purchases, story.recorded_minor, story.draft_minor, story.campaigns) == (0, "0", "0", [])


async def test_what_cannot_be_tried_is_refused_with_its_place(world: World) -> None:
    """Nobody's draft, nobody's version, rules that name no campaign, windows reversed, and too many purchases."""
    programme = await world.programme()
    pays = await campaign(world, programme, budget=PLENTY)
    rules = Rules(rules=(rule("a", pays),))
    backtests = Backtests(world.auditor)
    for name, error in ((new_id("drf"), DraftUnknown), (new_id("rul"), RulesetUnknown)):
        with pytest.raises(error):
            await backtests.run(Backtest(ruleset=name), most=MOST, reached=unheard)
    with pytest.raises(RulesetInvalid) as unsound:
        await tried(world, programme, Rules(rules=(rule("a", "cmp_nobody"),)))
    assert unsound.value.fields["pointer"] == "/rules/0/campaign"
    with pytest.raises(BacktestInvalid) as reversed_window:
        await tried(world, programme, rules, since=START, until=START)
    assert reversed_window.value.fields["pointer"] == "/until"
    with pytest.raises(BacktestInvalid) as greedy:
        await tried(world, programme, rules, largest=101)
    assert greedy.value.fields["pointer"] == "/largest"
    await bought(world, days=1)
    asked = Backtest(ruleset="file", programme_id=programme.id, document=rules)
    with pytest.raises(BacktestTooLarge) as large:
        await backtests.run(asked, most=5, reached=unheard)
    assert large.value.fields["pointer"] == "/until"
    assert (await backtests.run(asked, most=6, reached=unheard)).purchases == 6
