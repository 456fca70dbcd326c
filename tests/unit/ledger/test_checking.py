"""What is found wrong with a ruleset: each kind of finding by one that has it, at the place where it is."""

from typing import Any

import msgspec
import pytest

from cashback.ledger import RulesetDocument, Severity, diff, lint
from cashback.ledger.rules.comparing import canonical, rules_of

RULE: dict[str, Any] = {"id": "base", "campaign": "cmp_1", "earns": {"kind": "percent", "rate_bps": 150}}
MERCHANT = "mer_1"


def ruleset(**changes: object) -> RulesetDocument:
    """Return one percentage of everything, save for `changes`."""
    return msgspec.convert({"rules": [RULE], **changes}, RulesetDocument)


def rule(**changes: object) -> RulesetDocument:
    """Return a ruleset of one rule with these changes."""
    return ruleset(rules=[{**RULE, **changes}])


def test_a_sound_ruleset_has_no_findings() -> None:
    """A percentage, with a group, a tier, limits in order, a condition of each kind that has a range."""
    when = [
        {"kind": "amount", "at_least": "100", "below": "200"},
        {"kind": "hours", "start": "22:00", "end": "06:00", "time_zone": "Europe/Berlin"},
        {"kind": "dates", "start": "2026-03-01T00:00:00Z", "end": "2026-04-01T00:00:00Z"},
        {"kind": "tier", "any_of": ["gold"]},
    ]
    sound = ruleset(
        rules=[{**RULE, "group": "one", "when": when}],
        groups=[{"id": "one", "mode": "best_of"}],
        tiers=[{"id": "gold", "multiplier_bps": 20_000}],
        limits={"purchase": "100", "user_day": "100", "user_month": "1000"},
    )
    assert lint(sound, campaigns=["cmp_1"]) == ()


@pytest.mark.parametrize(
    "rules,code,pointer",
    [
        (ruleset(rules=[RULE, RULE]), "id_repeated", "/rules/1/id"),
        (ruleset(tiers=[{"id": "a", "multiplier_bps": 1}] * 2), "id_repeated", "/tiers/1/id"),
        (rule(group="nowhere"), "group_unknown", "/rules/0/group"),
        (rule(campaign="cmp_2"), "campaign_unknown", "/rules/0/campaign"),
        (rule(at_most="0"), "amount_out_of_bounds", "/rules/0/at_most"),
        (rule(earns={"kind": "fixed", "amount": "0"}), "amount_out_of_bounds", "/rules/0/earns/amount"),
        (
            rule(
                earns={
                    "kind": "tiered",
                    "brackets": [{"from_amount": "5", "rate_bps": 1}, {"from_amount": "5", "rate_bps": 2}],
                }
            ),
            "brackets_unordered",
            "/rules/0/earns/brackets/1/from_amount",
        ),
        (rule(lines={"skus": ["a"], "without_skus": ["a", "b"]}), "lines_never", "/rules/0/lines/without_skus"),
        (rule(when=[{"kind": "amount", "at_least": "5", "below": "5"}]), "range_empty", "/rules/0/when/0/below"),
        (
            rule(unless=[{"kind": "hours", "start": "08:00", "end": "08:00", "time_zone": "UTC"}]),
            "range_empty",
            "/rules/0/unless/0/end",
        ),
        (
            rule(when=[{"kind": "weekday", "any_of": ["mon"], "time_zone": "Europe/Atlantis"}]),
            "time_zone_unknown",
            "/rules/0/when/0/time_zone",
        ),
        (
            rule(when=[{"kind": "dates", "start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}]),
            "range_empty",
            "/rules/0/when/0/end",
        ),
        (
            rule(when=[{"kind": "dates", "start": "2026-03-02T00:00:00"}]),
            "time_without_offset",
            "/rules/0/when/0/start",
        ),
        (rule(when=[{"kind": "currency", "any_of": ["EUR", "HRK"]}]), "currency_withdrawn", "/rules/0/when/0/any_of/1"),
        (rule(when=[{"kind": "currency", "any_of": ["QQQ"]}]), "currency_unknown", "/rules/0/when/0/any_of/0"),
        (ruleset(gates={"currencies": ["DEM"]}), "currency_withdrawn", "/gates/currencies/0"),
        (
            rule(when=[{"kind": "first_purchase"}], unless=[{"kind": "first_purchase"}]),
            "rule_never",
            "/rules/0/unless/0",
        ),
        (
            ruleset(
                rules=[{**RULE, "when": [{"kind": "merchant", "any_of": [MERCHANT]}]}],
                gates={"without_merchants": [MERCHANT]},
            ),
            "rule_never",
            "/rules/0/when/0/any_of",
        ),
        (
            rule(when=[{"kind": "mcc", "any_of": ["5411"]}, {"kind": "mcc", "any_of": ["5412"]}]),
            "rule_never",
            "/rules/0/when/1",
        ),
        (ruleset(limits={"merchant_day": "0"}), "amount_out_of_bounds", "/limits/merchant_day"),
        (ruleset(review_above="9" * 19), "amount_out_of_bounds", "/review_above"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_what_cannot_be_meant_is_an_error_at_its_place(rules: RulesetDocument, code: str, pointer: str) -> None:
    """One thing is wrong, and one finding says so."""
    [finding] = lint(rules, campaigns=["cmp_1"])
    assert (finding.severity, finding.code, finding.pointer) == (Severity.ERROR, code, pointer)


@pytest.mark.parametrize(
    "rules,code,pointer",
    [
        (ruleset(groups=[{"id": "idle", "mode": "additive"}]), "group_unused", "/groups/0"),
        (ruleset(limits={"user_day": "100", "user_month": "50"}), "limit_idle", "/limits/user_day"),
        (
            ruleset(checks=[{"kind": "self_dealing", "above": 0, "action": "decline"}] * 2),
            "check_repeated",
            "/checks/1",
        ),
        (rule(when=[{"kind": "tier", "any_of": ["gold"]}]), "tier_unlisted", "/rules/0/when/0/any_of/0"),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" not in value else "",
)
def test_what_is_only_odd_is_a_warning(rules: RulesetDocument, code: str, pointer: str) -> None:
    """It keeps nothing from being published."""
    [finding] = lint(rules, campaigns=["cmp_1"])
    assert (finding.severity, finding.code, finding.pointer) == (Severity.WARNING, code, pointer)


def test_errors_stand_before_warnings_and_campaigns_may_be_unknown() -> None:
    """A file can be looked at where no programme is known."""
    odd = ruleset(groups=[{"id": "idle", "mode": "additive"}], rules=[{**RULE, "at_most": "0"}])
    assert [finding.code for finding in lint(odd, campaigns=[])] == [
        "campaign_unknown",
        "amount_out_of_bounds",
        "group_unused",
    ]
    assert [finding.code for finding in lint(odd)] == ["amount_out_of_bounds", "group_unused"]


def test_a_ruleset_differs_from_itself_in_nothing_whatever_the_order_of_its_rules() -> None:
    """Rules are told apart by their ids."""
    other = {**RULE, "id": "other"}
    assert diff(ruleset(rules=[RULE, other]), ruleset(rules=[other, RULE])) == ()
    assert rules_of(canonical(ruleset())) == ruleset()


def test_differences_are_told_part_by_part() -> None:
    """A rate that changed, a rule and a group that came, a limit that went."""
    before = ruleset(limits={"purchase": "100"})
    after = ruleset(
        rules=[{**RULE, "earns": {"kind": "percent", "rate_bps": 200}}, {**RULE, "id": "more", "group": "g"}],
        groups=[{"id": "g", "mode": "best_of"}],
    )
    told = {change.pointer: (change.before, change.after) for change in diff(before, after)}
    assert told.pop("/rules/more")[0] is None
    assert told == {
        "/rules/base/earns/rate_bps": ("150", "200"),
        "/groups/g": (None, '{"id":"g","mode":"best_of"}'),
        "/limits": ('{"purchase":"100"}', None),
    }
    back = {change.pointer: (change.after, change.before) for change in diff(after, before)}
    assert back == {change.pointer: (change.before, change.after) for change in diff(before, after)}
