"""The most that one purchase can earn by a ruleset, and what is said where the minter does not mint that at once."""

from random import Random
from typing import Any

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Minor, TokenUnits
from cashback.ledger.model import GrantAboveLimit, LargestGrant
from cashback.ledger.model.rulesets import AmountIs, Bracket, Fixed, Group, Limits, Mode, Per, Rules, Tier, Tiered
from cashback.ledger.rules.largest import bound, check_largest, findings, largest_grant
from tests.support.engine import anything, rule

SMALL = (AmountIs(below="10000"),)
STEPS = Tiered(brackets=(Bracket(from_amount="0", rate_bps=100), Bracket(from_amount="10", rate_bps=300)))


def fixed(amount: int) -> Fixed:
    """Return an earning that is always the same."""
    return Fixed(amount=str(amount))


@pytest.mark.parametrize(
    "made,parts,expected",
    [
        pytest.param([rule("a", 100)], {}, None, id="a-percentage-of-anything"),
        pytest.param([rule("a", 100)], {"limits": Limits(purchase="70")}, 70, id="the-limit-of-a-purchase"),
        pytest.param([rule("a", 100)], {"limits": Limits(purchase="70", user_day="60")}, 60, id="a-user's-day"),
        pytest.param([rule("a", 100)], {"limits": Limits(merchant_day="9")}, 9, id="a-merchant's-day"),
        pytest.param([rule("a", at_most="50"), rule("b", fixed(7))], {}, 57, id="all-rules-together"),
        pytest.param([rule("a", at_most="50"), rule("b", 1)], {}, None, id="one-without-a-bound"),
        pytest.param([rule("a", fixed(7), per=Per.LINE)], {}, 700, id="for-each-of-a-hundred-lines"),
        pytest.param([rule("a", 100, when=SMALL)], {}, 100, id="a-percentage-of-small-purchases"),
        pytest.param([rule("a", STEPS, when=SMALL)], {}, 300, id="the-highest-rate-of-small-purchases"),
        pytest.param(
            [rule("a", at_most="50")], {"tiers": (Tier(id="gold", multiplier_bps=15_000),)}, 75, id="the-highest-tier"
        ),
        pytest.param(
            [rule("a", at_most="50")],
            {"tiers": (Tier(id="tin", multiplier_bps=5_000),)},
            50,
            id="nobody-must-have-a-tier",
        ),
        pytest.param(
            [rule("a", fixed(5), group="g"), rule("b", fixed(8), group="g"), rule("c", fixed(1))],
            {"groups": (Group(id="g", mode=Mode.BEST_OF),)},
            9,
            id="the-best-of-a-group",
        ),
        pytest.param(
            [rule("a", fixed(5), group="g"), rule("b", fixed(8), group="g"), rule("c", fixed(1))],
            {"groups": (Group(id="g", mode=Mode.EXCLUSIVE),)},
            8,
            id="the-exclusive-one-alone",
        ),
    ],
)
def test_a_ruleset_bounds_one_purchase_by_what_it_says(made: list[Any], parts: dict[str, Any], expected: int) -> None:
    """By its limits, and by what its rules earn together at most; by nothing, where a rule has no bound."""
    assert bound(Rules(rules=tuple(made), **parts)) == expected


def test_no_more_is_earned_than_the_campaigns_hold() -> None:
    """Each pays its own rules; one that is not open pays nothing."""
    rules = Rules(rules=(rule("a", 100), rule("b", fixed(30), campaign="cmp_b"), rule("c", 1, campaign="cmp_c")))
    assert largest_grant(rules, {"cmp_a": Minor(200), "cmp_b": Minor(500)}) == 230
    assert largest_grant(rules, {"cmp_b": Minor(20)}) == 20
    assert largest_grant(rules, {each: Minor(INT63_MAX) for each in ("cmp_a", "cmp_c")}) == INT63_MAX


def test_no_purchase_earns_more() -> None:
    """Whatever it is, whatever the rules are, and whatever the campaigns hold."""
    earned = 0
    for seed in range(2_000):
        drawn = anything(Random(seed))  # noqa: S311 - tests, not secrets
        assert drawn.rules is not None
        # What users and merchants have left is drawn as well, and may be more than such a limit.
        limits = Limits(purchase=drawn.rules.limits.purchase)
        case = msgspec.structs.replace(drawn, rules=msgspec.structs.replace(drawn.rules, limits=limits))
        assert case.rules is not None
        amount = case.judged().verdict.amount
        assert amount <= largest_grant(case.rules, {each.campaign: each.total for each in case.left.campaigns}), seed
        earned += bool(amount)
    assert earned > 100, "most of them earned nothing"


def test_what_is_more_than_is_minted_at_once_is_refused_at_its_place_with_the_remedy() -> None:
    """To the last base unit; nobody's limit refuses nothing, and a ruleset without any bound is asked about."""
    largest = LargestGrant(programme="Spring", version=3, units=TokenUnits(1_000))
    assert check_largest(largest, TokenUnits(1_000)) == 1_000
    with pytest.raises(GrantAboveLimit, match=r"1000 base units by version 3 .*'Spring'.* setLimit .* end") as refusal:
        check_largest(largest, TokenUnits(999))
    assert refusal.value.fields == {"pointer": "/limits/purchase"}
    bounded, unbounded = Rules(rules=(rule("a", at_most="5"),)), Rules(rules=(rule("a"),))
    told = [
        [(one.code.value, one.severity.value, one.pointer) for one in findings(rules, largest, limit)]
        for rules in (bounded, unbounded)
        for limit in (None, TokenUnits(1_000), TokenUnits(999))
    ]
    above = [("grant_above_limit", "error", "/limits/purchase")]
    asked = [("grant_unbounded", "warning", "/limits/purchase")]
    assert told == [[], [], above, asked, asked, above]
