"""Rules that pay more than a purchase together: found by a purchase that does, and never where none can."""

from datetime import timedelta
from random import Random

import msgspec
import pytest

from cashback.kernel.money import BPS_IN_WHOLE, Currency
from cashback.ledger.model.engine import Line, ProgrammeFacts, PurchaseFacts
from cashback.ledger.model.problems import Fault, Severity
from cashback.ledger.model.rulesets import (
    CAMPAIGNS_MAX,
    AmountIs,
    Bracket,
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
    Rules,
    Tier,
    Tiered,
    TierIs,
    Weekday,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.engine import earn, published
from cashback.ledger.rules.linting import lint
from cashback.ledger.rules.linting.together import together
from tests.support.engine import NOON, anything, rule
from tests.support.largest import campaigns_of, largest_rules

ODD, EVEN = MerchantIs(any_of=("mer_1", "mer_3")), MerchantIs(any_of=("mer_2", "mer_4"))
NIGHT = HoursAre(start="22:00", end="06:00", time_zone="Europe/Berlin")
DAY = HoursAre(start="06:00", end="22:00", time_zone="Europe/Berlin")
TOKYO = HoursAre(start="00:00", end="12:00", time_zone="Asia/Tokyo")
WEEKEND = WeekdayIs(any_of=(Weekday.SAT, Weekday.SUN), time_zone="UTC")
MONDAY = WeekdayIs(any_of=(Weekday.MON,), time_zone="UTC")
A_SATURDAY = WithinDates(start=NOON + timedelta(days=2), end=NOON + timedelta(days=2, hours=6))
GOLD = (Tier(id="gold", multiplier_bps=21_000),)
BEST, ALONE = (Group(id="g", mode=Mode.BEST_OF),), (Group(id="g", mode=Mode.EXCLUSIVE),)
FALLING = Tiered(brackets=(Bracket(from_amount="0", rate_bps=4_900), Bracket(from_amount="1000", rate_bps=100)))
RISING = Tiered(
    brackets=(Bracket(from_amount="0", rate_bps=100), Bracket(from_amount="1000", rate_bps=4_900)), is_marginal=True
)


def halves(*conditions: Condition | None, group: str | None = None) -> tuple[Rule, ...]:
    """Return a rule of 49 % for each condition, of which three are more than a purchase and two are not."""
    return tuple(
        rule(f"r{place}", 4_900, when=() if each is None else (each,), group=group)
        for place, each in enumerate(conditions)
    )


@pytest.mark.parametrize(
    "made, parts",
    [
        pytest.param(halves(None, None, None), {}, id="all of them always"),
        pytest.param(halves(None, ODD, ODD), {}, id="at one merchant"),
        pytest.param(halves(ODD, None, EVEN, MerchantIs(any_of=("mer_4",))), {}, id="some of them at one merchant"),
        pytest.param(halves(NIGHT, TOKYO, WEEKEND), {}, id="at an hour of two zones"),
        pytest.param(halves(A_SATURDAY, WEEKEND, None), {}, id="on the day that dates leave"),
        pytest.param(halves(None, None, AmountIs(at_least="123456789012")), {}, id="for a large amount"),
        pytest.param(halves(None, None, AmountIs(below="10")), {}, id="for a small amount"),
        pytest.param(halves(None, None, FirstPurchase(at="merchant")), {}, id="the first time"),
        pytest.param(halves(None, None, CurrencyIs(any_of=("JPY",))), {}, id="in one currency"),
        pytest.param(halves(None, None, MccIs(any_of=("5411",))), {}, id="in one category"),
        pytest.param(halves(None), {"tiers": GOLD}, id="for users of the highest tier"),
        pytest.param(halves(None, TierIs(any_of=("gold",))), {"tiers": GOLD}, id="one of them for that tier"),
        pytest.param(
            (*halves(None, None), rule("x", 4_900, lines=Lines(skus=("tea",), without_categories=("food",)))),
            {},
            id="on one line",
        ),
        pytest.param((*halves(None, None), rule("x", FALLING)), {}, id="in the bracket of small amounts"),
        pytest.param((*halves(None, None), rule("x", RISING)), {}, id="where a marginal rate has risen enough"),
        pytest.param((*halves(None, None), rule("x", 4_900, at_most="50")), {}, id="before one earns no more"),
        pytest.param(
            (*halves(None, None), rule("x", 4_900, group="g"), rule("y", 100, group="g")),
            {"groups": BEST},
            id="the best",
        ),
        pytest.param(
            (*halves(None, None, None), rule("x", 100, when=(ODD,), group="g")),
            {"groups": ALONE},
            id="where the exclusive one does not match",
        ),
        pytest.param(halves(None, None, None), {"limits": Limits(purchase="5000")}, id="below a limit"),
    ],
)
def test_rules_that_pay_more_than_a_purchase_together_are_refused(
    made: tuple[Rule, ...], parts: dict[str, object]
) -> None:
    """At the last of those that count, with the places of all and what they pay."""
    found = [each for each in lint(ruleset(*made, **parts)) if each.code is Fault.RATES_ABSURD]
    [(severity, pointer, detail)] = [(each.severity, each.pointer, each.detail) for each in found]
    assert severity is Severity.ERROR
    assert pointer.endswith("/earns")
    assert pointer.removesuffix("/earns") in detail
    assert "more than the whole price" in detail


@pytest.mark.parametrize(
    "made, parts",
    [
        pytest.param(halves(None, None), {}, id="less than the whole"),
        pytest.param((*halves(None, None), rule("x", 200)), {}, id="the whole and no more"),
        pytest.param(halves(None, ODD, EVEN), {}, id="no merchant is two"),
        pytest.param(
            halves(*(MerchantIs(any_of=pair) for pair in (("mer_1", "mer_2"), ("mer_2", "mer_3"), ("mer_1", "mer_3")))),
            {},
            id="any two of them at one merchant and never all",
        ),
        pytest.param(halves(None, MONDAY, WEEKEND), {}, id="no day is two"),
        pytest.param(halves(None, NIGHT, DAY), {}, id="night is not day"),
        pytest.param(halves(A_SATURDAY, MONDAY, None), {}, id="a day that those dates have not"),
        pytest.param(halves(None, AmountIs(below="9"), AmountIs(at_least="9")), {}, id="no amount is both"),
        pytest.param(
            (*halves(None, None), rule("x", 4_900, unless=(FirstPurchase(),), when=(FirstPurchase(at="anywhere"),))),
            {},
            id="a condition and its contrary",
        ),
        pytest.param((*halves(None, ODD), rule("x", 4_900, unless=(ODD,))), {}, id="one where the other is left out"),
        pytest.param(
            (*halves(None), rule("x", 4_900, lines=Lines(skus=("tea",))), rule("y", 4_900, lines=Lines(skus=("cup",)))),
            {},
            id="no line is two",
        ),
        pytest.param((*halves(None), rule("x", Fixed(amount="9999"))), {}, id="a fixed amount is no rate"),
        pytest.param(halves(None, None, None, group="g"), {"groups": BEST}, id="only the best of a group"),
        pytest.param(
            (*halves(None, None, None), rule("x", 100, group="g")),
            {"groups": ALONE},
            id="an exclusive one keeps them all out",
        ),
        pytest.param(
            (*halves(None, None), rule("x", 4_900, at_most="5", when=(AmountIs(at_least="1000"),))),
            {},
            id="what one pays at most is little of such a purchase",
        ),
        pytest.param(
            (*halves(None, None), rule("x", FALLING, when=(AmountIs(at_least="1000"),))),
            {},
            id="the bracket of small amounts is out of reach",
        ),
        pytest.param(
            halves(None, None, None),
            {"limits": Limits(merchant_day="500"), "gates": Gates(at_least="500")},
            id="a limit that no purchase is below",
        ),
        pytest.param(
            halves(None, None, ODD), {"gates": Gates(without_merchants=("mer_1", "mer_3"))}, id="a merchant kept out"
        ),
        pytest.param(
            halves(None, None, CurrencyIs(any_of=("JPY",))),
            {"gates": Gates(currencies=("USD",))},
            id="a currency kept out",
        ),
        pytest.param(
            halves(None, TierIs(any_of=("tin",))),
            {"tiers": (Tier(id="gold", multiplier_bps=12_000), Tier(id="tin", multiplier_bps=10_000))},
            id="the rate of one tier and the multiplier of another",
        ),
    ],
)
def test_rules_that_never_pay_more_than_a_purchase_together_pass(
    made: tuple[Rule, ...], parts: dict[str, object]
) -> None:
    """Whatever it is that keeps them apart."""
    assert list(together(ruleset(*made, **parts))) == []


def test_the_sum_is_told_with_the_places_of_those_that_count() -> None:
    """And with the purchase that they pay for."""
    made = (*halves(None, None), rule("x", 900, when=(ODD,)), *halves(None, ODD)[1:])
    [found] = together(ruleset(*(msgspec.structs.replace(each, id=f"r{place}") for place, each in enumerate(made))))
    assert found.pointer == "/rules/3/earns"
    assert found.detail == (
        "/rules/0, /rules/1, /rules/2, /rules/3 together pay 15600 for a purchase of 10000: more than the whole price"
    )


def test_the_largest_ruleset_pays_the_whole_price_and_no_more() -> None:
    """It asks for every time zone, and is looked at no further."""
    assert list(together(largest_rules(campaigns_of(CAMPAIGNS_MAX)))) == []


def test_what_is_too_much_to_try_is_a_warning() -> None:
    """Where nothing was found in all that was tried: what it may come to at most, and nothing is refused."""
    kinds = [
        (MerchantIs(any_of=(f"mer_{number}",)), MccIs(any_of=(f"{number:04}",)), AmountIs(at_least=str(10 * number)))
        for number in range(1, 190)
    ]
    made = [rule(f"r{place}", 60, when=(), unless=each) for place, each in enumerate(kinds)]
    [found] = together(ruleset(*made, limits=Limits(user_day="10"), gates=Gates(at_least="9")))
    assert (found.code, found.severity, found.pointer) == (Fault.RATES_ABSURD, Severity.WARNING, "/rules")
    assert "11340 basis points" in found.detail


def test_no_purchase_of_a_ruleset_that_passes_earns_more_than_its_price_by_rates() -> None:
    """Rulesets and purchases of any kind, tried against each other; and enough of both kinds are among them."""
    chance = Random(4_601)  # noqa: S311 - a seed, no secret
    told = 0
    for _ in range(300):
        one = anything(chance)
        assert one.rules is not None
        found = list(together(one.rules))
        told += bool(found)
        paid = [pays_more(one.rules, anything(chance).facts) for _ in range(20)]
        assert found or not any(paid)
    assert 60 < told < 240


def pays_more(rules: Rules, facts: PurchaseFacts) -> bool:
    """Return whether rates pay more for a purchase of one line than it costs, by more than is ever rounded off."""
    line = facts.lines[0] if facts.lines else Line(facts.amount)
    bought = msgspec.structs.replace(
        facts,
        lines=(line,),
        amount=line.amount,
        is_first_at_merchant=facts.is_first_purchase or facts.is_first_at_merchant,
    )
    programme = ProgrammeFacts(id="prg_1", funding=Currency(facts.currency, 2))
    trace = earn(bought, programme, published(rules, id="rul_1", version=1)).trace
    fixed = {each.id for each in rules.rules if isinstance(each.earns, Fixed)}
    earned = sum(each.granted for each in trace.counted if each.rule not in fixed)
    limits = [int(each) for each in msgspec.structs.asdict(rules.limits).values() if each is not None]
    paid = min([earned * trace.multiplier_bps // BPS_IN_WHOLE, *limits])
    return paid > bought.amount + len(rules.rules) * 10


def ruleset(*made: Rule, **parts: object) -> Rules:
    """Return a ruleset of these rules."""
    return msgspec.structs.replace(Rules(rules=made), **parts)
