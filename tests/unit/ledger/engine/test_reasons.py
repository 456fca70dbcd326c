"""Every reason that a decision or a rule can have, each reached by a purchase that has it."""

from datetime import timedelta
from typing import Final

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Minor, TokenRate
from cashback.ledger.model import Reason
from cashback.ledger.model.codes import Exhaustion, Outcome, Skip, Waited
from cashback.ledger.model.engine import CampaignLeft, Left, Line, ProgrammeFacts, PurchaseFacts, Velocity
from cashback.ledger.model.rulesets import (
    Action,
    AmountIs,
    Bracket,
    Check,
    Condition,
    CurrencyIs,
    FirstPurchase,
    Fixed,
    Gates,
    Group,
    HoursAre,
    Limits,
    Lines,
    MccIs,
    MerchantIs,
    Mode,
    Rule,
    Tier,
    Tiered,
    TierIs,
    Weekday,
    WeekdayIs,
    WithinDates,
)
from tests.support.engine import CONVERSION, EUR, NOON, PLENTY, USD, Case, bought, case, rule

PAUSED: Final = ProgrammeFacts(id="prg_1", funding=USD, is_paused=True)
BUDGET_OF_5: Final = CampaignLeft("cmp_a", Minor(5))


def left(**counters: Minor) -> Left:
    """Return plenty of budget and these counters."""
    return msgspec.structs.replace(PLENTY, **counters)


def budget(campaign: CampaignLeft) -> Left:
    """Return what one campaign has left."""
    return Left(campaigns=(campaign,))


def checked(kind: str, action: Action, **velocity: int) -> Case:
    """Return a purchase that a check looks at."""
    facts = bought(velocity=msgspec.structs.replace(Velocity(), **velocity))
    return case(facts=facts, checks=(Check(kind=kind, above=0 if kind == "self_dealing" else 5, action=action),))


def in_vain(waited: Waited) -> Case:
    """Return a purchase that waited for the only campaign that pays, and does so no longer."""
    programme = ProgrammeFacts(id="prg_1", funding=USD, closed=("cmp_a",), waited=waited)
    return msgspec.structs.replace(case(), programme=programme)


GOLD: Final = bought(user_tier="gold")
DECLINED, GRANTED, REVIEW, WAITLISTED = Outcome.DECLINED, Outcome.GRANTED, Outcome.REVIEW, Outcome.WAITLISTED
DECISIONS: Final[list[tuple[Reason, Outcome, Case]]] = [
    (Reason.GRANTED, GRANTED, case()),
    (Reason.GRANTED_PARTLY, GRANTED, case(left=budget(BUDGET_OF_5))),
    (Reason.NO_PROGRAMME, DECLINED, Case(programme=None)),
    (Reason.NO_RULESET, DECLINED, Case(rules=None)),
    (Reason.PROGRAMME_PAUSED, DECLINED, Case(programme=PAUSED)),
    (Reason.USER_BLOCKED, DECLINED, case(facts=bought(is_user_blocked=True))),
    (Reason.MERCHANT_INACTIVE, DECLINED, case(facts=bought(is_merchant_active=False))),
    (Reason.MERCHANT_EXCLUDED, DECLINED, case(gates=Gates(without_merchants=("mer_1",)))),
    (Reason.MCC_EXCLUDED, DECLINED, case(gates=Gates(without_mccs=("5411",)))),
    (Reason.CURRENCY_UNSUPPORTED, DECLINED, case(gates=Gates(currencies=("EUR",)))),
    (Reason.NO_EXCHANGE_RATE, DECLINED, case(facts=bought(currency="EUR"))),
    (Reason.NOTHING_PAID, DECLINED, case(rule("a", Fixed(amount="5")), facts=bought(amount=Minor(0)))),
    (Reason.BELOW_MINIMUM, DECLINED, case(gates=Gates(at_least="2000"))),
    (
        Reason.TOO_OLD,
        DECLINED,
        case(facts=bought(received_at=NOON + timedelta(days=30, seconds=1)), gates=Gates(within_days=30)),
    ),
    (Reason.NO_RULE_MATCHED, DECLINED, case(rule("a", when=(MccIs(any_of=("5812",)),)))),
    (Reason.CAMPAIGN_OVER, DECLINED, in_vain(Waited.CAMPAIGN_OVER)),
    (Reason.WAITED_TOO_LONG, DECLINED, in_vain(Waited.TOO_LONG)),
    (Reason.BELOW_MINOR_UNIT, DECLINED, case(facts=bought(amount=Minor(66)))),
    (Reason.TIER_EARNS_NOTHING, DECLINED, case(facts=GOLD, tiers=(Tier(id="gold", multiplier_bps=0),))),
    (Reason.TOO_MANY_PURCHASES, DECLINED, checked("purchases_per_hour", Action.DECLINE, purchases_per_hour=6)),
    (Reason.WALLET_SHARED, REVIEW, checked("users_per_wallet", Action.REVIEW, users_per_wallet=6)),
    (Reason.REFUND_RATIO_HIGH, REVIEW, checked("refund_ratio_bps", Action.REVIEW, refund_ratio_bps=6)),
    (Reason.SELF_DEALING, DECLINED, checked("self_dealing", Action.DECLINE, is_self_dealing=True)),
    (Reason.PURCHASE_LIMIT, DECLINED, case(limits=Limits(purchase="0"))),
    (Reason.USER_DAY_LIMIT, DECLINED, case(left=left(user_day=Minor(0)))),
    (Reason.USER_MONTH_LIMIT, DECLINED, case(left=left(user_month=Minor(0)))),
    (Reason.USER_LIFETIME_LIMIT, DECLINED, case(left=left(user_lifetime=Minor(0)))),
    (Reason.MERCHANT_DAY_LIMIT, DECLINED, case(left=left(merchant_day=Minor(0)))),
    (Reason.CAMPAIGN_DAY_LIMIT, DECLINED, case(left=budget(CampaignLeft("cmp_a", Minor(9), day=Minor(0))))),
    (Reason.BUDGET_EXHAUSTED, DECLINED, case(left=Left())),
    (Reason.BUDGET_WAITLISTED, WAITLISTED, case(left=budget(CampaignLeft("cmp_a", Minor(5), Exhaustion.WAITLIST)))),
    (Reason.BELOW_TOKEN_UNIT, DECLINED, Case(conversion=msgspec.structs.replace(CONVERSION, rate=TokenRate(1, 10**7)))),
    (
        Reason.ABOVE_TOKEN_RANGE,
        DECLINED,
        Case(conversion=msgspec.structs.replace(CONVERSION, rate=TokenRate(2**62, 1))),
    ),
    (Reason.ABOVE_MONEY_RANGE, DECLINED, case(rule("a", Fixed(amount=str(INT63_MAX + 1))))),
    (Reason.REVIEW_ABOVE, REVIEW, case(review_above="28")),
]


def among(*when: Condition, facts: PurchaseFacts = GOLD, **changes: object) -> Case:
    """Return a purchase that meets a rule `a` with these conditions, and one that always counts beside it."""
    made = msgspec.structs.replace(rule("a", when=when), **changes)
    return case(made, rule("z", 1_000), facts=facts)


TAKES_TEA: Final = Lines(skus=("tea",))
RULES: Final[list[tuple[Skip, Case]]] = [
    (
        Skip.CAMPAIGN_CLOSED,
        msgspec.structs.replace(
            among(campaign="cmp_b"), programme=ProgrammeFacts(id="prg_1", funding=USD, closed=("cmp_b",))
        ),
    ),
    (Skip.MERCHANT_NOT_LISTED, among(MerchantIs(any_of=("mer_2",)))),
    (Skip.MCC_UNKNOWN, among(MccIs(any_of=("5411",)), facts=bought(mcc=None))),
    (Skip.MCC_NOT_LISTED, among(MccIs(any_of=("5812",)))),
    (Skip.CURRENCY_NOT_LISTED, among(CurrencyIs(any_of=("EUR",)))),
    (Skip.AMOUNT_BELOW, among(AmountIs(at_least="2000"))),
    (Skip.AMOUNT_NOT_BELOW, among(AmountIs(below="1999"))),
    (Skip.WEEKDAY_NOT_LISTED, among(WeekdayIs(any_of=(Weekday.FRI,), time_zone="UTC"))),
    (Skip.OUTSIDE_HOURS, among(HoursAre(start="12:01", end="12:00", time_zone="UTC"))),
    (Skip.NOT_YET_STARTED, among(WithinDates(start=NOON + timedelta(seconds=1)))),
    (Skip.ALREADY_ENDED, among(WithinDates(end=NOON))),
    (Skip.TIER_UNKNOWN, among(TierIs(any_of=("gold",)), facts=bought())),
    (Skip.TIER_NOT_LISTED, among(TierIs(any_of=("silver",)))),
    (Skip.NOT_FIRST_PURCHASE, among(FirstPurchase())),
    (Skip.NOT_FIRST_AT_MERCHANT, among(FirstPurchase(at="merchant"))),
    (Skip.EXCLUDED, among(unless=(MccIs(any_of=("5411",)),))),
    (Skip.EXCLUDED, among(unless=(AmountIs(at_least="1"),))),
    (Skip.NO_ELIGIBLE_LINE, among(lines=TAKES_TEA)),
    (Skip.BELOW_FIRST_BRACKET, among(earns=Tiered(brackets=(Bracket(from_amount="2000", rate_bps=100),)))),
    (Skip.EARNS_NOTHING, among(earns=Fixed(amount="0"))),
    (
        Skip.BEATEN_IN_GROUP,
        case(rule("a", group="g"), rule("z", 200, group="g"), groups=(Group(id="g", mode=Mode.BEST_OF),)),
    ),
    (
        Skip.BEATEN_BY_EXCLUSIVE,
        case(rule("a", 900), rule("z", 10, group="g"), groups=(Group(id="g", mode=Mode.EXCLUSIVE),)),
    ),
]


@pytest.mark.parametrize("reason,outcome,one", DECISIONS, ids=lambda value: getattr(value, "value", ""))
def test_a_decision_falls_for_its_reason(reason: Reason, outcome: Outcome, one: Case) -> None:
    """Each reason has a purchase that has it, and an outcome."""
    verdict = one.judged().verdict
    assert (verdict.reason, verdict.outcome) == (reason, outcome)


@pytest.mark.parametrize("why,one", RULES, ids=lambda value: getattr(value, "value", ""))
def test_a_rule_is_skipped_for_its_reason(why: Skip, one: Case) -> None:
    """Each reason to skip a rule has a purchase that has it, and harms no rule beside it."""
    trace = one.judged().verdict.trace
    assert trace.skipped == {why: ("a",)}
    assert [each.rule for each in trace.counted] in (["z"], [])


def test_every_reason_is_reached() -> None:
    """A code that no purchase can have would be a promise to nobody."""
    assert {reason for reason, _, _ in DECISIONS} == set(Reason) - {Reason.ADJUSTED}
    assert {why for why, _ in RULES} == set(Skip)
    assert len(Reason) + len(Skip) >= 30


@pytest.mark.parametrize(
    "one,reason",
    [
        pytest.param(Case(programme=None, rules=None), Reason.NO_PROGRAMME, id="no-programme"),
        pytest.param(
            Case(programme=PAUSED, facts=bought(is_user_blocked=True)), Reason.PROGRAMME_PAUSED, id="paused-and-blocked"
        ),
        pytest.param(
            case(facts=bought(currency="EUR", is_user_blocked=True)), Reason.USER_BLOCKED, id="blocked-and-no-rate"
        ),
        pytest.param(
            case(facts=bought(mcc="6011"), gates=Gates(without_mccs=("6011",), at_least="9999")),
            Reason.MCC_EXCLUDED,
            id="category-and-amount",
        ),
    ],
)
def test_the_first_shut_gate_is_the_reason(one: Case, reason: Reason) -> None:
    """Gates stand in a fixed order, and behind a shut one no rule is looked at."""
    verdict = one.judged().verdict
    assert verdict.reason is reason
    assert (verdict.trace.counted, verdict.trace.skipped) == ((), {})


def test_a_check_that_passes_is_noted_and_the_worst_action_counts() -> None:
    """What looks like abuse stays visible, whatever is done about it."""
    checks = tuple(
        Check(kind="purchases_per_hour", above=above, action=action)
        for above, action in ((2, Action.PASS), (4, Action.REVIEW), (8, Action.DECLINE))
    )
    outcomes = []
    for times in (2, 3, 5, 9):
        verdict = case(facts=bought(velocity=Velocity(purchases_per_hour=times)), checks=checks).judged().verdict
        outcomes.append((verdict.outcome, len(verdict.trace.flags), verdict.desired))
    assert outcomes == [(GRANTED, 0, 29), (GRANTED, 1, 29), (REVIEW, 2, 29), (DECLINED, 3, 29)]


def test_lines_without_the_listed_thing_leave_a_rule_out_and_others_stay() -> None:
    """A rule about one SKU is calculated on the lines of that SKU alone."""
    facts = bought(amount=Minor(1_500), lines=(Line(Minor(1_000), "tea", "food"), Line(Minor(500), "cup")))
    verdict = case(rule("a", lines=TAKES_TEA), facts=facts).judged().verdict
    assert [(line.base, line.grant) for line in verdict.lines] == [(1_000, 10), (0, 0)]


def test_a_purchase_in_the_funding_currency_needs_no_rate_and_stores_none() -> None:
    """What was not used is no input."""
    assert Case(exchange=None).judged().exchange is None
    assert EUR.exponent == USD.exponent


def test_a_rule_that_is_none_of_its_groups_counts_by_itself() -> None:
    """An unknown group is refused by the linter; here it changes nothing."""
    unknown: Rule = rule("a", group="nowhere")
    assert case(unknown).judged().verdict.amount == 19
