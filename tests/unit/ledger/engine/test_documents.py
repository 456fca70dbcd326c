"""A judgement's document: fixed bytes, small, and bounded."""

from collections.abc import Sequence

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, Minor, TokenRate
from cashback.ledger.model import Conversion, Reason
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.engine import (
    CampaignLeft,
    Exchange,
    Judgement,
    Left,
    Line,
    ProgrammeFacts,
    PurchaseFacts,
    Velocity,
)
from cashback.ledger.model.problems import Fault, RulesetInvalid
from cashback.ledger.model.rulesets import CAMPAIGNS_MAX, RULES_MAX, Limits
from cashback.ledger.rules.engine import document_in_full
from cashback.ledger.rules.grants import grants_of
from cashback.ledger.rules.linting import check_ruleset, lint
from tests.support.engine import CLF, JPY, NOON, PERCENT, PROGRAMME, Case, case, rule
from tests.support.largest import (
    DOCUMENT_BYTES_MAX,
    DOCUMENT_STORED_MAX,
    GRANTS_BYTES_MAX,
    GRANTS_STORED_MAX,
    LINE_MINOR,
    LINES,
    WIDEST,
    campaigns_of,
    largest_rules,
)


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


@pytest.mark.parametrize(
    "total, document_max, grants_max",
    [(CAMPAIGNS_MAX, DOCUMENT_BYTES_MAX, GRANTS_BYTES_MAX), (RULES_MAX, DOCUMENT_STORED_MAX, GRANTS_STORED_MAX)],
)
def test_the_largest_documents_are_stored(total: int, document_max: int, grants_max: int) -> None:
    """100 lines of the longest names, 200 rules that all count, for so many campaigns as a lint lets through.

    And for one campaign a rule, as rulesets may have that were published before the campaigns were bounded.
    """
    campaigns = campaigns_of(total)
    judgement = largest_judgement(campaigns)
    verdict = judgement.verdict
    assert (verdict.reason, len(verdict.trace.counted), len(verdict.trace.flags)) == (Reason.GRANTED, RULES_MAX, 20)
    assert all(line.base and all(line.shares) and len(line.shares) == total for line in verdict.lines)
    # Nearly all of the range of money, evenly: no other grants have more digits by much.
    assert INT63_MAX - verdict.amount < INT63_MAX // 1_000
    grants = grants_of(judgement)
    assert grants is not None
    sizes = (len(document_in_full(judgement)), len(grants))
    assert (sizes[0] <= document_max, sizes[1] <= grants_max) == (True, True)


def test_a_lint_lets_the_largest_ruleset_through_and_none_with_a_campaign_more() -> None:
    """So nothing that is published makes a purchase whose documents are not stored."""
    told = [each.code for each in lint(largest_rules(campaigns_of()), PROGRAMME, campaigns_of())]
    assert Fault.CAMPAIGNS_TOO_MANY not in told
    assert check_ruleset(largest_rules(campaigns_of()), PROGRAMME, campaigns_of()) is not None
    with pytest.raises(RulesetInvalid) as refused:
        check_ruleset(largest_rules(campaigns_of(CAMPAIGNS_MAX + 1)), PROGRAMME, None)
    assert refused.value.fields["pointer"] == f"/rules/{CAMPAIGNS_MAX}/campaign"


def largest_judgement(campaigns: Sequence[str]) -> Judgement:
    """Return a decision on the largest purchase, by a rate and with names that are as long as each can be."""
    lines = tuple(Line(Minor(LINE_MINOR), WIDEST, WIDEST) for _ in range(LINES))
    late = NOON.replace(microsecond=999_999)
    facts = PurchaseFacts(
        merchant_id=f"mer_{0:060}",
        mcc="5411",
        currency="JPY",
        amount=Minor(LINE_MINOR * LINES),
        occurred_at=late,
        received_at=late,
        lines=lines,
        user_tier="g" * 40,
        is_first_purchase=True,
        is_first_at_merchant=True,
        velocity=Velocity(
            purchases_per_hour=INT63_MAX, users_per_wallet=INT63_MAX, refund_ratio_bps=10_000, is_self_dealing=True
        ),
    )
    source = "\U0001d400" * 200
    most = Minor(INT63_MAX)
    one = Case(
        facts=facts,
        programme=ProgrammeFacts(id=f"prg_{0:060}", funding=CLF, time_zone="America/Argentina/ComodRivadavia"),
        rules=largest_rules(campaigns),
        left=Left(
            user_day=most,
            user_month=most,
            user_lifetime=most,
            merchant_day=most,
            campaigns=tuple(CampaignLeft(campaign, most, Exhaustion.PARTIAL_FILL, most) for campaign in campaigns),
        ),
        exchange=Exchange(base=JPY, quote=CLF, numerator=10**12, denominator=1, source=source, as_of=late),
        conversion=Conversion(rate=TokenRate(10**12, 10**15), source=f"prg_{0:060}", as_of=late),
    )
    return one.judged()
