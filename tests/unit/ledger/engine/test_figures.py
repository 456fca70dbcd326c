"""What decision engine 2 calculates, figure by figure."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec
import pytest

from cashback.kernel.money import Currency, Minor
from cashback.ledger.model.codes import Exhaustion, Limit
from cashback.ledger.model.engine import CampaignLeft, Clamped, Exchange, Left, Line
from cashback.ledger.model.rulesets import (
    AmountIs,
    Bracket,
    Fixed,
    Gates,
    Group,
    HoursAre,
    Limits,
    Lines,
    Mode,
    Per,
    Rule,
    Tier,
    Tiered,
    Weekday,
    WeekdayIs,
)
from tests.support.engine import CLF, EUR, JPY, KWD, NOON, PROGRAMME, USD, Case, bought, case, rule

STEPS: Final = (
    Bracket(from_amount="0", rate_bps=100),
    Bracket(from_amount="1000", rate_bps=200),
    Bracket(from_amount="5000", rate_bps=300),
)
THREE: Final = (Line(Minor(100), "tea"), Line(Minor(200), "cup"), Line(Minor(300), "jug", "home"))


def amounts(one: Case) -> list[tuple[int, int]]:
    """Return what each line was granted, and on which base."""
    return [(line.base, line.grant) for line in one.judged().verdict.lines]


@pytest.mark.parametrize(
    "is_marginal,paid,earned",
    [
        pytest.param(False, 999, 9, id="whole-below"),
        pytest.param(False, 1_000, 20, id="whole-at"),
        pytest.param(False, 6_000, 180, id="whole-top"),
        pytest.param(True, 1_000, 10, id="marginal-at"),
        pytest.param(True, 1_050, 11, id="marginal-one-of-two-rounded-once"),
        pytest.param(True, 6_000, 120, id="marginal-top"),
    ],
)
def test_a_tiered_rule_earns_the_rate_of_the_whole_or_of_each_part(is_marginal: bool, paid: int, earned: int) -> None:
    """10 + 1 of 50 at 2 % is 11; at 60.00 it is 10 + 80 + 30 or 3 % of all."""
    one = case(rule("a", Tiered(brackets=STEPS, is_marginal=is_marginal)), facts=bought(amount=Minor(paid)))
    assert one.judged().verdict.amount == earned


@pytest.mark.parametrize(
    "made,expected",
    [
        pytest.param(rule("a", 150), [(100, 2), (200, 3), (300, 4)], id="together-9-spread"),
        pytest.param(rule("a", 150, per=Per.LINE), [(100, 1), (200, 3), (300, 4)], id="each-line-rounded"),
        pytest.param(rule("a", Fixed(amount="10")), [(100, 2), (200, 3), (300, 5)], id="fixed-once"),
        pytest.param(rule("a", Fixed(amount="10"), per=Per.LINE), [(100, 10), (200, 10), (300, 10)], id="fixed-each"),
        pytest.param(
            rule("a", 1_000, lines=Lines(skus=("tea",), categories=("home",))),
            [(100, 10), (0, 0), (300, 30)],
            id="some",
        ),
        pytest.param(rule("a", 1_000, lines=Lines(without_skus=("cup",))), [(100, 10), (0, 0), (300, 30)], id="less"),
        pytest.param(rule("a", 1_000, at_most="7"), [(100, 0), (200, 3), (300, 4)], id="at-most"),
    ],
)
def test_a_rule_earns_per_line_or_on_the_eligible_lines_together(made: Rule, expected: Sequence[object]) -> None:
    """Rounded down once per line, or once and then spread by amount, the remainder on the lowest line."""
    facts = bought(amount=Minor(600), lines=THREE)
    assert amounts(case(made, facts=facts)) == expected


@pytest.mark.parametrize(
    "base,quote,paid,rate,earned",
    [
        pytest.param(EUR, USD, 1_999, (11, 10), 219, id="same-exponent"),
        pytest.param(JPY, USD, 1_999, (1, 150), 133, id="0-to-2"),
        pytest.param(USD, KWD, 1_999, (3, 10), 599, id="2-to-3"),
        pytest.param(KWD, JPY, 1_999, (500, 1), 99, id="3-to-0"),
        pytest.param(USD, CLF, 1_999, (1, 40), 499, id="2-to-4"),
    ],
)
def test_another_currency_folds_into_the_one_rounding(
    base: Currency, quote: Currency, paid: int, rate: tuple[int, int], earned: int
) -> None:
    """10 % of 19.99 EUR at 1.1 is 2.1989 USD: 2.19, and nothing is rounded before."""
    numerator, denominator = rate
    one = case(rule("a", 1_000), facts=bought(amount=Minor(paid), currency=base.code))
    exchange = Exchange(base=base, quote=quote, numerator=numerator, denominator=denominator, source="ecb", as_of=NOON)
    programme = msgspec.structs.replace(PROGRAMME, funding=quote)
    verdict = msgspec.structs.replace(one, exchange=exchange, programme=programme).judged().verdict
    assert (verdict.amount, verdict.lines[0].base) == (earned, paid)


def test_thresholds_are_compared_exactly_through_the_rate() -> None:
    """2.99 EUR at 4/3 are 3.98666... USD, which is neither 3.98 nor 3.99; a third of a cent decides."""
    exchange = Exchange(base=EUR, quote=USD, numerator=4, denominator=3, source="ecb", as_of=NOON)
    for threshold, is_above in (("398", True), ("399", False)):
        facts = bought(currency="EUR", amount=Minor(299))
        ruled = case(rule("a", 1_000, when=(AmountIs(at_least=threshold),)), facts=facts)
        gated = case(rule("a", 1_000), facts=facts, gates=Gates(at_least=threshold))
        for one in (ruled, gated):
            assert bool(msgspec.structs.replace(one, exchange=exchange).judged().verdict.amount) is is_above


@pytest.mark.parametrize(
    "mode,counted",
    [
        pytest.param(Mode.ADDITIVE, ["a", "b", "c", "z"], id="additive"),
        pytest.param(Mode.BEST_OF, ["b", "z"], id="best-of"),
        pytest.param(Mode.EXCLUSIVE, ["b"], id="exclusive"),
    ],
)
def test_a_group_decides_which_of_its_rules_count(mode: Mode, counted: list[str]) -> None:
    """`b` and `c` earn the same and more than `a`; `c` has no higher priority; `z` is in no group."""
    rules = (rule("c", 300, group="g"), rule("a", 200, group="g"), rule("b", 300, group="g"), rule("z", 900))
    trace = case(*rules, groups=(Group(id="g", mode=mode),)).judged().verdict.trace
    assert [each.rule for each in trace.counted] == counted


def test_priority_decides_between_equal_amounts_and_amount_before_priority() -> None:
    """By amount, then priority, then the lowest id."""
    groups = (Group(id="g", mode=Mode.BEST_OF),)
    equal = case(rule("a", 300, group="g"), rule("b", 300, group="g", priority=1), groups=groups)
    assert [each.rule for each in equal.judged().verdict.trace.counted] == ["b"]
    better = case(rule("a", 301, group="g"), rule("b", 100, group="g", priority=1), groups=groups)
    assert [each.rule for each in better.judged().verdict.trace.counted] == ["a"]


def test_a_tier_multiplies_each_line_rounded_down() -> None:
    """1.5 times 1, 3 and 4 is 1, 4 and 6."""
    facts = bought(amount=Minor(600), lines=THREE, user_tier="gold")
    one = case(rule("a", 150, per=Per.LINE), facts=facts, tiers=(Tier(id="gold", multiplier_bps=15_000),))
    assert amounts(one) == [(100, 1), (200, 4), (300, 6)]


def test_clamps_stand_in_their_order_and_take_by_grant_the_remainder_from_the_lowest_line() -> None:
    """60 on three lines: the purchase limit leaves 50, the day 40, the campaign 35."""
    left = Left(user_day=Minor(40), merchant_day=Minor(99), campaigns=(CampaignLeft("cmp_a", Minor(35)),))
    facts = bought(amount=Minor(600), lines=THREE)
    verdict = case(rule("a", 1_000), facts=facts, left=left, limits=Limits(purchase="50")).judged().verdict
    assert verdict.trace.clamps == (
        Clamped(Limit.PURCHASE, Minor(60), Minor(50)),
        Clamped(Limit.USER_DAY, Minor(50), Minor(40)),
        Clamped(Limit.MERCHANT_DAY, Minor(40), Minor(40)),
        Clamped(Limit.CAMPAIGN_TOTAL, Minor(40), Minor(35), "cmp_a"),
    )
    # 10, 20, 30: 10 taken as 1, 3, 5 and 1 more from the first; then 1, 3, 5 and 1; then 0, 1, 2 and 2.
    assert [line.grant for line in verdict.lines] == [4, 13, 18]
    assert (verdict.desired, verdict.amount) == (60, 35)


def test_each_campaign_is_clamped_by_its_own_budget() -> None:
    """What one campaign cannot pay no other one pays; every line keeps its split."""
    left = Left(campaigns=(CampaignLeft("cmp_a", Minor(999)), CampaignLeft("cmp_b", Minor(30), day=Minor(20))))
    verdict = (
        case(rule("a", 1_000), rule("b", 500, "cmp_b"), left=left, facts=bought(amount=Minor(600))).judged().verdict
    )
    assert (verdict.lines[0].shares, verdict.paid_by()) == ((60, 20), {"cmp_a": 60, "cmp_b": 20})
    assert [clamp.limit for clamp in verdict.trace.clamps] == [
        Limit.CAMPAIGN_DAY,
        Limit.CAMPAIGN_TOTAL,
        Limit.CAMPAIGN_TOTAL,
    ]


def test_a_campaign_that_declines_pays_nothing_where_it_cannot_pay_all() -> None:
    """The other campaign pays its own share all the same."""
    left = Left(campaigns=(CampaignLeft("cmp_a", Minor(59), Exhaustion.DECLINE), CampaignLeft("cmp_b", Minor(30))))
    verdict = (
        case(rule("a", 1_000), rule("b", 500, "cmp_b"), left=left, facts=bought(amount=Minor(600))).judged().verdict
    )
    assert (verdict.lines[0].shares, verdict.paid_by()) == ((0, 30), {"cmp_a": 0, "cmp_b": 30})


@pytest.mark.parametrize(
    "minutes,start,end,is_within",
    [
        pytest.param(0, "13:00", "14:00", True, id="noon-is-one-o-clock-in-berlin"),
        pytest.param(59, "13:00", "14:00", True, id="up-to-the-end"),
        pytest.param(60, "13:00", "14:00", False, id="not-at-the-end"),
        pytest.param(11 * 60, "22:00", "02:00", True, id="over-midnight"),
        pytest.param(13 * 60, "22:00", "02:00", False, id="after-it"),
        pytest.param(10 * 60 + 59, "00:00", "24:00", True, id="whole-day"),
    ],
)
def test_hours_are_those_of_their_zone(minutes: int, start: str, end: str, is_within: bool) -> None:
    """In winter Berlin is an hour ahead of UTC."""
    made = rule("a", when=(HoursAre(start=start, end=end, time_zone="Europe/Berlin"),))
    assert bool(case(made, facts=bought(occurred_at=NOON + timedelta(minutes=minutes))).judged().verdict.amount) is (
        is_within
    )


def test_summer_and_winter_have_their_own_offsets_and_the_day_is_that_of_the_zone() -> None:
    """Friday begins in Auckland at 11:00 UTC of Thursday in summer, at 12:00 in winter."""
    made = rule("a", when=(WeekdayIs(any_of=(Weekday.FRI,), time_zone="Pacific/Auckland"),))
    thursday_in_winter = NOON.replace(month=6, day=25)
    verdicts = [
        bool(case(made, facts=bought(occurred_at=at + timedelta(minutes=minutes))).judged().verdict.amount)
        for at, minutes in ((NOON, -61), (NOON, -60), (thursday_in_winter, -1), (thursday_in_winter, 0))
    ]
    assert verdicts == [False, True, False, True]
