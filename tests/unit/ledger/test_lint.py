"""Everything that can be wrong with a ruleset, each found at its place."""

from datetime import timedelta
from typing import Final

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Currency
from cashback.ledger.model.engine import ProgrammeFacts
from cashback.ledger.model.problems import Fault, RulesetInvalid, Severity
from cashback.ledger.model.rulesets import (
    CAMPAIGNS_MAX,
    Action,
    AmountIs,
    Bracket,
    Check,
    CurrencyIs,
    Fixed,
    Gates,
    Group,
    HoursAre,
    Limits,
    Lines,
    MccIs,
    MerchantIs,
    Mode,
    Per,
    Percent,
    Rule,
    Rules,
    Tier,
    Tiered,
    TierIs,
    Weekday,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.linting import check_ruleset, lint
from tests.support.engine import NOON, PERCENT, PROGRAMME, rule

MANY: Final = tuple(f"cmp_{number}" for number in range(CAMPAIGNS_MAX + 1))
CAMPAIGNS: Final = {"cmp_a", "cmp_b", *MANY}
BEST: Final = (Group(id="g", mode=Mode.BEST_OF),)
ALONE: Final = (Group(id="g", mode=Mode.EXCLUSIVE),)
FOOD: Final = MccIs(any_of=("5411",))
SHOPS: Final = MccIs(any_of=("5411", "5812"))
ERROR, WARNING = Severity.ERROR, Severity.WARNING


def rules(*made: Rule, **parts: object) -> Rules:
    """Return a ruleset."""
    return msgspec.structs.replace(Rules(rules=made or (PERCENT,)), **parts)


def hours(start: str, end: str, zone: str = "UTC") -> HoursAre:
    """Return a condition on the time of day."""
    return HoursAre(start=start, end=end, time_zone=zone)


def steps(*starts: int) -> Tiered:
    """Return brackets that begin there."""
    return Tiered(brackets=tuple(Bracket(from_amount=str(start), rate_bps=100) for start in starts))


WHOLE_PRICE: Final = Tiered(
    brackets=(Bracket(from_amount="0", rate_bps=100), Bracket(from_amount="100", rate_bps=10_000))
)

FAULTS: Final[list[tuple[Fault, Severity, str, Rules]]] = [
    (Fault.RULE_REPEATED, ERROR, "/rules/1/id", rules(rule("a"), rule("a", 200))),
    (Fault.GROUP_REPEATED, ERROR, "/groups/1/id", rules(rule("a", group="g"), groups=BEST + ALONE)),
    (Fault.TIER_REPEATED, ERROR, "/tiers/1/id", rules(tiers=(Tier(id="gold", multiplier_bps=1),) * 2)),
    (Fault.GROUP_UNKNOWN, ERROR, "/rules/0/group", rules(rule("a", group="g"))),
    (Fault.TIER_UNKNOWN, ERROR, "/rules/0/when/0/any_of/0", rules(rule("a", when=(TierIs(any_of=("gold",)),)))),
    (Fault.CAMPAIGN_UNKNOWN, ERROR, "/rules/0/campaign", rules(rule("a", campaign="cmp_z"))),
    (
        Fault.CAMPAIGNS_TOO_MANY,
        ERROR,
        f"/rules/{CAMPAIGNS_MAX + 1}/campaign",
        # The first campaign once more is not one more.
        rules(*(rule(f"r{place}", 1 + place, campaign=name) for place, name in enumerate((MANY[0], *MANY)))),
    ),
    (Fault.GROUP_UNUSED, WARNING, "/groups/0", rules(groups=BEST)),
    (Fault.MCC_MALFORMED, ERROR, "/rules/0/when/0/any_of/1", rules(rule("a", when=(MccIs(any_of=("5411", "54")),)))),
    (Fault.MCC_MALFORMED, ERROR, "/gates/without_mccs/0", rules(gates=Gates(without_mccs=("food",)))),
    (Fault.CURRENCY_UNKNOWN, ERROR, "/gates/currencies/1", rules(gates=Gates(currencies=("USD", "XYZ")))),
    (
        Fault.CURRENCY_WITHDRAWN,
        ERROR,
        "/rules/0/unless/0/any_of/0",
        rules(rule("a", unless=(CurrencyIs(any_of=("DEM",)),))),
    ),
    (
        Fault.TIME_ZONE_UNKNOWN,
        ERROR,
        "/rules/0/when/0/time_zone",
        rules(rule("a", when=(hours("01:00", "02:00", "Mars"),))),
    ),
    (
        Fault.TIME_ZONE_UNKNOWN,
        ERROR,
        "/rules/0/when/0/time_zone",
        rules(rule("a", when=(WeekdayIs(any_of=(Weekday.MON,), time_zone="Berlin"),))),
    ),
    (Fault.WINDOW_REVERSED, ERROR, "/rules/0/when/0/end", rules(rule("a", when=(WithinDates(start=NOON, end=NOON),)))),
    (
        Fault.AMOUNTS_REVERSED,
        ERROR,
        "/rules/0/when/0/below",
        rules(rule("a", when=(AmountIs(at_least="5", below="5"),))),
    ),
    (Fault.HOURS_WHOLE_DAY, WARNING, "/rules/0/when/0", rules(rule("a", when=(hours("08:00", "08:00"),)))),
    (Fault.AMOUNT_ZERO, ERROR, "/rules/0/earns/amount", rules(rule("a", Fixed(amount="0")))),
    (Fault.AMOUNT_ZERO, ERROR, "/rules/0/at_most", rules(rule("a", at_most="0"))),
    (Fault.AMOUNT_ZERO, ERROR, "/limits/user_day", rules(limits=Limits(user_day="0"))),
    (Fault.AMOUNT_OUT_OF_RANGE, ERROR, "/limits/purchase", rules(limits=Limits(purchase=str(INT63_MAX + 1)))),
    (Fault.RATE_ZERO, ERROR, "/rules/0/earns/rate_bps", rules(rule("a", Percent(rate_bps=0)))),
    (Fault.RATE_ZERO, WARNING, "/tiers/0/multiplier_bps", rules(tiers=(Tier(id="gold", multiplier_bps=0),))),
    (Fault.RATE_ABSURD, WARNING, "/rules/0/earns/rate_bps", rules(rule("a", 5_001))),
    (Fault.RATE_ABSURD, WARNING, "/rules/0/earns/rate_bps", rules(rule("a", 9_999))),
    (Fault.RATE_ABSURD, ERROR, "/rules/0/earns/rate_bps", rules(rule("a", 10_000))),
    (Fault.RATE_ABSURD, ERROR, "/rules/0/earns/brackets/1/rate_bps", rules(rule("a", WHOLE_PRICE))),
    (Fault.RATE_ABSURD, WARNING, "/tiers/0/multiplier_bps", rules(tiers=(Tier(id="gold", multiplier_bps=50_001),))),
    (Fault.RATE_ABSURD, WARNING, "/tiers/0/multiplier_bps", rules(tiers=(Tier(id="gold", multiplier_bps=99_999),))),
    (Fault.RATE_ABSURD, ERROR, "/tiers/0/multiplier_bps", rules(tiers=(Tier(id="gold", multiplier_bps=100_000),))),
    (Fault.RATES_ABSURD, ERROR, "/rules/2/earns", rules(rule("a", 4_900), rule("b", 4_901), rule("c", 4_902))),
    (Fault.BRACKETS_OUT_OF_ORDER, ERROR, "/rules/0/earns/brackets/2/from_amount", rules(rule("a", steps(0, 100, 100)))),
    (Fault.LIMITS_OUT_OF_ORDER, ERROR, "/limits/user_day", rules(limits=Limits(user_day="6", user_month="5"))),
    (Fault.LIMITS_OUT_OF_ORDER, ERROR, "/limits/user_month", rules(limits=Limits(user_month="6", user_lifetime="5"))),
    (Fault.LIMITS_OUT_OF_ORDER, ERROR, "/limits/user_day", rules(limits=Limits(user_day="6", user_lifetime="5"))),
    (Fault.LIMITS_OUT_OF_ORDER, ERROR, "/limits/purchase", rules(limits=Limits(purchase="6", user_lifetime="5"))),
    (Fault.REVIEW_NEVER, WARNING, "/review_above", rules(limits=Limits(purchase="5"), review_above="5")),
    (
        Fault.NEVER_HOLDS,
        ERROR,
        "/rules/0/when/1",
        rules(rule("a", when=(MerchantIs(any_of=("mer_1",)), MerchantIs(any_of=("mer_2",))))),
    ),
    (Fault.NEVER_HOLDS, ERROR, "/rules/0/when/1", rules(rule("a", when=(AmountIs(at_least="9"), AmountIs(below="9"))))),
    (
        Fault.NEVER_HOLDS,
        ERROR,
        "/rules/0/when/1",
        rules(rule("a", when=(WithinDates(end=NOON), WithinDates(start=NOON)))),
    ),
    (
        Fault.NEVER_HOLDS,
        ERROR,
        "/rules/0/when/1",
        rules(rule("a", when=(hours("22:00", "02:00"), hours("02:00", "22:00")))),
    ),
    (
        Fault.NEVER_HOLDS,
        ERROR,
        "/rules/0/when/1",
        rules(rule("a", when=tuple(WeekdayIs(any_of=(day,), time_zone="UTC") for day in (Weekday.SAT, Weekday.SUN)))),
    ),
    (Fault.NEVER_HOLDS, ERROR, "/rules/0/unless/0", rules(rule("a", when=(FOOD,), unless=(SHOPS,)))),
    (Fault.NEVER_HOLDS, ERROR, "/rules/0/lines", rules(rule("a", lines=Lines(skus=("x",), without_skus=("x", "y"))))),
    (
        Fault.GATE_CONTRADICTS,
        ERROR,
        "/rules/0/when/0",
        rules(rule("a", when=(FOOD,)), gates=Gates(without_mccs=("5411",))),
    ),
    (
        Fault.GATE_CONTRADICTS,
        ERROR,
        "/rules/0/when/0",
        rules(rule("a", when=(MerchantIs(any_of=("mer_1",)),)), gates=Gates(without_merchants=("mer_1",))),
    ),
    (
        Fault.GATE_CONTRADICTS,
        ERROR,
        "/rules/0/when/0",
        rules(rule("a", when=(CurrencyIs(any_of=("EUR",)),)), gates=Gates(currencies=("USD",))),
    ),
    (
        Fault.GATE_CONTRADICTS,
        ERROR,
        "/rules/0/when/0",
        rules(rule("a", when=(AmountIs(below="100"),)), gates=Gates(at_least="100")),
    ),
    (
        Fault.NEVER_WINS,
        WARNING,
        "/rules/1",
        rules(rule("a", 200, group="g", when=(SHOPS,)), rule("b", 100, group="g", when=(FOOD,)), groups=BEST),
    ),
    (
        Fault.NEVER_WINS,
        WARNING,
        "/rules/0",
        rules(rule("b", Fixed(amount="5"), group="g"), rule("a", Fixed(amount="5"), group="g"), groups=ALONE),
    ),
    (Fault.SHADOWED, WARNING, "/rules/0", rules(rule("a", 900, when=(FOOD,)), rule("z", group="g"), groups=ALONE)),
    (
        Fault.TIME_WITHOUT_OFFSET,
        ERROR,
        "/rules/0/when/0/start",
        rules(rule("a", when=(WithinDates(start=NOON.replace(tzinfo=None), end=NOON),))),
    ),
    (
        Fault.CHECK_REPEATED,
        WARNING,
        "/checks/1",
        rules(checks=(Check(kind="self_dealing", above=0, action=Action.DECLINE),) * 2),
    ),
    (Fault.COUNTED_TWICE, WARNING, "/rules/1", rules(rule("a", note="one"), rule("b", note="two"))),
]


@pytest.mark.parametrize("code,severity,pointer,made", FAULTS, ids=lambda value: getattr(value, "value", ""))
def test_each_fault_is_found_at_its_place(code: Fault, severity: Severity, pointer: str, made: Rules) -> None:
    """One fault, one problem, and no other beside it."""
    problems = lint(made, PROGRAMME, CAMPAIGNS)
    assert [(each.code, each.severity, each.pointer) for each in problems] == [(code, severity, pointer)]
    assert problems[0].detail


def test_every_fault_has_a_ruleset_that_has_it() -> None:
    """A code that nothing can have would be a promise to nobody; what is found beside the minter has its own tests."""
    beside_minter = {Fault.GRANT_ABOVE_LIMIT, Fault.GRANT_UNBOUNDED}
    assert {code for code, _, _, _ in FAULTS} == set(Fault) - beside_minter


SOUND: Final = rules(
    rule("a", 200, group="g", when=(SHOPS, hours("22:00", "02:00"), AmountIs(at_least="100"))),
    # Its priority is higher: where both earn the same, it wins.
    rule("b", 200, group="g", when=(FOOD, hours("22:00", "01:00"), AmountIs(at_least="200")), priority=1),
    # Rounded per line it may earn less, and never wins for certain.
    rule("c", 300, group="h", per=Per.LINE),
    rule("d", 300, group="h", per=Per.PURCHASE, when=(FOOD,)),
    # It asks for more lines than the other one.
    rule("e", 300, lines=Lines(skus=("tea",)), unless=(WithinDates(end=NOON),)),
    rule("f", 300, lines=Lines(skus=("tea", "cup")), unless=(WithinDates(end=NOON + timedelta(days=1)),)),
    rule("i", steps(0, 100)),
    groups=(*BEST, Group(id="h", mode=Mode.BEST_OF)),
    tiers=(Tier(id="gold", multiplier_bps=15_000),),
    gates=Gates(currencies=("USD", "JPY"), at_least="1", within_days=30),
    limits=Limits(purchase="5", user_day="5", user_month="6", user_lifetime="7", merchant_day="1"),
    review_above="4",
)


def test_where_no_programme_is_known_the_rest_is_found_all_the_same() -> None:
    """A file can be looked at by itself: what is said of campaigns passes, and nothing else."""
    odd = rules(rule("a", campaign="cmp_z", at_most="0"))
    assert [each.code for each in lint(odd)] == [Fault.AMOUNT_ZERO]
    assert [each.code for each in lint(odd, None, [])] == [Fault.CAMPAIGN_UNKNOWN, Fault.AMOUNT_ZERO]


def test_a_sound_ruleset_has_no_problem() -> None:
    """What only looks like one of the faults is none."""
    assert lint(SOUND, PROGRAMME, CAMPAIGNS) == []
    assert check_ruleset(SOUND, PROGRAMME, CAMPAIGNS) == []


def test_a_programme_of_another_time_or_money_is_told_as_well() -> None:
    """Its zone and its currency are what days and amounts are made of."""
    strange = ProgrammeFacts(id="prg_1", funding=Currency("ATS", 2), time_zone="Middle/Earth")
    found = [(each.code, each.pointer) for each in lint(SOUND, strange, CAMPAIGNS)]
    assert found == [
        (Fault.CURRENCY_WITHDRAWN, "/programme/currency"),
        (Fault.TIME_ZONE_UNKNOWN, "/programme/time_zone"),
    ]


def test_a_withdrawn_currency_is_told_with_its_month() -> None:
    """Whoever wrote `DEM` has an old list, and is told how old."""
    [problem] = lint(rules(gates=Gates(currencies=("DEM", "USD"))), PROGRAMME, CAMPAIGNS)
    assert problem.detail == "DEM was withdrawn in 2002-03"


def test_a_ruleset_with_errors_is_refused_at_the_first_of_them_and_with_all() -> None:
    """Errors come before warnings, whatever their order in the document."""
    broken = rules(rule("a", 9_000), rule("b", campaign="cmp_z", group="g"))
    with pytest.raises(RulesetInvalid) as refused:
        check_ruleset(broken, PROGRAMME, CAMPAIGNS)
    assert refused.value.fields["pointer"] == "/rules/1/group"
    problems = refused.value.fields["problems"]
    assert isinstance(problems, list)
    assert [each.severity for each in problems] == [ERROR, ERROR, WARNING]
