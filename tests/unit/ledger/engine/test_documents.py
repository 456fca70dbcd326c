"""A judgement's document: fixed bytes, small, and bounded."""

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model.engine import CampaignLeft, Left, Line
from cashback.ledger.model.rulesets import Limits, Per
from cashback.ledger.rules.engine import document_in_full
from tests.support.engine import PERCENT, PROGRAMME, bought, case, rule

DOCUMENT_BYTES_MAX = 65_536
"""What the schema lets in."""


def test_the_document_of_a_judgement_is_what_it_always_was() -> None:
    """The bytes of engine 3 are fixed: they are replayed for as long as the books are kept."""
    left = Left(user_day=Minor(500), campaigns=(CampaignLeft("cmp_a", Minor(20)),))
    rules = (PERCENT, rule("other", lines=None, when=()))
    one = case(*rules, left=left, limits=Limits(purchase="99", user_day="500"))
    assert document_in_full(one.judged()) == (
        b'{"conversion":{"as_of":"2026-11-26T12:00:00Z","rate":{"denominator":"1","numerator":"1"},"source":"prg_1"},'
        b'"engine":"3",'
        b'"facts":{"amount":"1999","currency":"USD","mcc":"5411","merchant_id":"mer_1",'
        b'"occurred_at":"2026-11-26T12:00:00Z","received_at":"2026-11-26T12:00:00Z"},'
        b'"left":{"campaigns":[["cmp_a","20","partial_fill"]],"user_day":"500"},'
        b'"offsets":{"UTC":"0"},'
        b'"programme":{"funding":{"code":"USD","exponent":"2"},"id":"prg_1"},'
        b'"ruleset":{"digest":"dd81578939e3553524f527c1546d3a62de1a907568758ea8fa1d4dc49515ee0a","id":"rul_1","version":"1"},'
        b'"verdict":{"amount":"20","campaigns":["cmp_a"],"desired":"48","lines":[["1999","20",["20"]]],"outcome":"granted",'
        b'"reason":"granted_partly","token_units":"200000",'
        b'"trace":{"clamps":[["purchase","48","48"],["user_day","48","48"],'
        b'["campaign_total","48","20","cmp_a"]],'
        b'"counted":[["base","29","29"],["other","19","19"]]}}}'
    )


def test_the_usual_document_is_small() -> None:
    """One line, one campaign, twenty rules of which one counts: a kilobyte for ever is what a purchase costs."""
    others = [rule(f"rule-{number:02}", campaign="cmp_closed") for number in range(19)]
    one = case(PERCENT, *others)
    closed = msgspec.structs.replace(PROGRAMME, closed=("cmp_closed",))
    document = document_in_full(msgspec.structs.replace(one, programme=closed).judged())
    assert len(document) <= 1_100
    only = Left(campaigns=(CampaignLeft("cmp_a", Minor(1_000_000)),))
    assert len(document_in_full(case(left=only).judged())) <= 800


def test_the_largest_document_stays_below_what_is_stored() -> None:
    """100 rules with names of 40 characters that all count, on 100 lines with names of 100, for 20 campaigns."""
    rules = [rule(f"r{number:039}", campaign=f"cmp_{number % 20:026}", per=Per.LINE) for number in range(100)]
    lines = tuple(Line(Minor(10**9 + number), "s" * 100, "c" * 100) for number in range(100))
    facts = bought(amount=Minor(sum(line.amount for line in lines)), lines=lines)
    left = Left(campaigns=tuple(CampaignLeft(f"cmp_{number:026}", Minor(10**15)) for number in range(20)))
    document = document_in_full(case(*rules, facts=facts, left=left).judged())
    assert len(document) <= DOCUMENT_BYTES_MAX
