"""What differs between two rulesets, in words."""

import msgspec

from cashback.ledger.model.problems import Change, ChangeKind
from cashback.ledger.model.rulesets import Action, Check, Fixed, Limits, MccIs, Rules, Tier
from cashback.ledger.rules.changes import diff
from tests.support.engine import rule

BEFORE = Rules(
    rules=(rule("a", 100, when=(MccIs(any_of=("5411",)),)), rule("b", 200), rule("c", 300)),
    tiers=(Tier(id="gold", multiplier_bps=15_000),),
    limits=Limits(user_day="500"),
    checks=(Check(kind="purchases_per_hour", above=5, action=Action.REVIEW),),
)


def test_no_difference_where_only_the_order_differs() -> None:
    """Rules are known by their ids."""
    assert diff(BEFORE, msgspec.structs.replace(BEFORE, rules=tuple(reversed(BEFORE.rules)))) == []


def test_every_difference_is_told_at_its_place_and_in_words() -> None:
    """Added, removed, changed, down to the value; what turns into another kind is told whole."""
    after = Rules(
        rules=(rule("d", 50), rule("b", Fixed(amount="5")), rule("a", 150, when=(), note="Food")),
        tiers=(Tier(id="gold", multiplier_bps=20_000),),
        limits=Limits(user_month="900"),
        review_above="1000",
    )
    changes = diff(BEFORE, after)
    assert [(each.kind, each.pointer, each.words) for each in changes] == [
        (ChangeKind.ADDED, "/rules/0", "rule d is new"),
        (
            ChangeKind.CHANGED,
            "/rules/1/earns",
            'rule b: earns was {"kind":"percent","rate_bps":200} and becomes {"amount":"5","kind":"fixed"}',
        ),
        (ChangeKind.CHANGED, "/rules/2/earns/rate_bps", "rule a: earns: rate_bps was 100 and becomes 150"),
        (ChangeKind.ADDED, "/rules/2/note", "rule a: note becomes Food"),
        (
            ChangeKind.REMOVED,
            "/rules/2/when",
            'rule a: when was [{"any_of":["5411"],"kind":"mcc"}] and is not set any more',
        ),
        (ChangeKind.REMOVED, "/rules/2", "rule c is gone"),
        (ChangeKind.CHANGED, "/tiers/0/multiplier_bps", "tier gold: multiplier_bps was 15000 and becomes 20000"),
        (ChangeKind.REMOVED, "/checks/0", "check purchases_per_hour, review is gone"),
        (ChangeKind.REMOVED, "/limits/user_day", "limits: user_day was 500 and is not set any more"),
        (ChangeKind.ADDED, "/limits/user_month", "limits: user_month becomes 900"),
        (ChangeKind.ADDED, "/review_above", "review_above becomes 1000"),
    ]


def test_a_change_holds_what_stood_there_and_what_does() -> None:
    """For whoever shows it otherwise than in our words."""
    assert diff(BEFORE, msgspec.structs.replace(BEFORE, limits=Limits(user_day="600"))) == [
        Change(
            kind=ChangeKind.CHANGED,
            pointer="/limits/user_day",
            words="limits: user_day was 500 and becomes 600",
            before="500",
            after="600",
        )
    ]
