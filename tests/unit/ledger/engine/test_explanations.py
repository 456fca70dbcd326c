"""A judgement in words, as a tree and as lines: every reason has its sentence, every figure is exact."""

import msgspec
import pytest

from cashback.kernel.money import Minor
from cashback.ledger.model import Reason
from cashback.ledger.model.codes import Outcome, Skip
from cashback.ledger.model.engine import CampaignLeft, Exchange, Left, Line
from cashback.ledger.model.rulesets import Action, Check, Limits, MccIs, Tier
from cashback.ledger.rules.engine.explain import drawn, explain_in_full, tree_of
from tests.support.engine import JPY, NOON, USD, Case, bought, case, rule
from tests.unit.ledger.engine.test_reasons import DECISIONS, RULES

CUT = Left(user_day=Minor(20), campaigns=(CampaignLeft("cmp_a", Minor(999)),))


@pytest.mark.parametrize("reason,outcome,one", DECISIONS, ids=lambda value: getattr(value, "value", ""))
def test_every_reason_has_a_sentence_without_codes(reason: Reason, outcome: Outcome, one: Case) -> None:
    """A customer reads words and figures, no code, no name of a field and no empty place."""
    sentence = explain_in_full(one.judged())
    assert sentence.endswith(".")
    assert reason not in sentence or "_" not in reason
    assert not {"{", "}", "_", "None"} & set(sentence)
    assert (outcome is Outcome.REVIEW) == ("looked at" in sentence)


@pytest.mark.parametrize("why,one", RULES, ids=lambda value: getattr(value, "value", ""))
def test_every_skipped_rule_is_told_with_its_reason(why: Skip, one: Case) -> None:
    """In the tree the code stands beside its words."""
    [skipped] = [node for node in tree_of(one.judged()).children if node.code == "skipped"]
    assert [(node.code, node.text.endswith(": a")) for node in skipped.children] == [(why, True)]


@pytest.mark.parametrize(
    "one,sentence",
    [
        pytest.param(case(), "19.99 USD earned 0.29 USD: 0.290000 CBK.", id="whole"),
        pytest.param(
            case(left=CUT),
            "19.99 USD would have earned 0.29 USD, but no more was left of what one user can earn in a day: "
            "0.20 USD, 0.200000 CBK.",
            id="partly",
        ),
        pytest.param(
            case(facts=bought(user_tier="gold"), tiers=(Tier(id="gold", multiplier_bps=15_000),)),
            "19.99 USD earned 0.43 USD: 0.430000 CBK. The user's tier gets 1.5 times as much.",
            id="tier",
        ),
        pytest.param(
            case(review_above="5"),
            "19.99 USD earned 0.29 USD: 0.290000 CBK. It is looked at before it is granted.",
            id="review",
        ),
        pytest.param(
            case(left=Left(campaigns=(CampaignLeft("cmp_a", Minor(0)),))),
            "19.99 USD would have earned 0.29 USD, but nothing is left of the campaign's budget.",
            id="exhausted",
        ),
    ],
)
def test_a_decision_is_told_in_figures(one: Case, sentence: str) -> None:
    """Money and tokens with all their digits."""
    assert explain_in_full(one.judged()) == sentence


def test_what_the_rules_are_for_is_told_where_the_ruleset_is_at_hand() -> None:
    """A note of a rule that did not count is left out."""
    rules = (
        rule("a", note="Groceries"),
        rule("b", 50, note="Winter"),
        rule("c", when=(MccIs(any_of=("1",)),), note="No"),
    )
    one = case(*rules)
    assert explain_in_full(one.judged(), one.rules).endswith("For: Groceries; Winter.")


def test_a_purchase_in_another_currency_is_told_in_its_own() -> None:
    """1,999 yen are 1999 JPY, and earn in dollars."""
    one = case(rule("a", 1_000), facts=bought(currency="JPY"))
    exchange = Exchange(base=JPY, quote=USD, numerator=1, denominator=150, source="ecb", as_of=NOON)
    judged = msgspec.structs.replace(one, exchange=exchange).judged()
    assert explain_in_full(judged) == "1999 JPY earned 1.33 USD: 1.330000 CBK."


def test_the_tree_of_a_decision_in_a_terminal() -> None:
    """Every step, in the order in which it was taken."""
    facts = bought(amount=Minor(600), lines=(Line(Minor(200)), Line(Minor(400))), user_tier="gold")
    one = case(
        rule("a", 1_000, at_most="50"),
        rule("b", 500, "cmp_b"),
        rule("c", when=(MccIs(any_of=("5812",)),)),
        facts=facts,
        left=Left(user_day=Minor(100), campaigns=(CampaignLeft("cmp_a", Minor(999)), CampaignLeft("cmp_b", Minor(9)))),
        tiers=(Tier(id="gold", multiplier_bps=15_000),),
        checks=(Check(kind="purchases_per_hour", above=0, action=Action.PASS),),
        limits=Limits(purchase="110"),
    )
    told = drawn(tree_of(one.judged()))
    assert told[0] == (
        "6.00 USD would have earned 1.20 USD, but no more was left of what one purchase can earn: 0.70 USD, "
        "0.700000 CBK. The user's tier gets 1.5 times as much. (granted_partly)"
    )
    assert told[1:] == [
        "├─ rules that counted",
        "│  ├─ a earns 0.60 USD, cut to 0.50 USD",
        "│  ├─ b earns 0.30 USD",
        "│  └─ times 1.5 by the user's tier",
        "├─ rules that did not",
        "│  └─ not for this category: c",
        "├─ checks",
        "│  └─ 1: pass",
        "├─ limits",
        "│  ├─ purchase lets 1.10 USD of 1.20 USD through",
        "│  ├─ user_day lets 1.00 USD of 1.10 USD through",
        "│  ├─ campaign_total of cmp_a lets 0.61 USD of 0.61 USD through",
        "│  └─ campaign_total of cmp_b lets 0.09 USD of 0.39 USD through",
        "└─ lines",
        "   ├─ line 1: 0.21 USD by cmp_a 0.18 USD, cmp_b 0.03 USD",
        "   └─ line 2: 0.49 USD by cmp_a 0.43 USD, cmp_b 0.06 USD",
    ]
