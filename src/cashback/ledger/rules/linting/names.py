"""Names: each given once, and each that is used given at all."""

from collections.abc import Collection, Iterator, Sequence

from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import CAMPAIGNS_MAX, Group, Rule, Rules, Tier, TierIs
from cashback.ledger.rules.linting.found import conditions_of, error, warning


def names(rules: Rules, campaigns: Collection[str] | None) -> Iterator[Finding]:
    """Yield what is wrong with the names of rules, groups, tiers and campaigns."""
    yield from _repeated("rules", rules.rules, Fault.RULE_REPEATED)
    yield from _repeated("groups", rules.groups, Fault.GROUP_REPEATED)
    yield from _repeated("tiers", rules.tiers, Fault.TIER_REPEATED)
    groups, tiers = {group.id for group in rules.groups}, {tier.id for tier in rules.tiers}
    for number, rule in enumerate(rules.rules):
        if rule.group is not None and rule.group not in groups:
            detail = f"rule {rule.id!r} is of group {rule.group!r}, which the ruleset does not have"
            yield error(Fault.GROUP_UNKNOWN, f"/rules/{number}/group", detail)
        if campaigns is not None and rule.campaign not in campaigns:
            detail = f"rule {rule.id!r} is paid by {rule.campaign}, which is no open campaign of the programme"
            yield error(Fault.CAMPAIGN_UNKNOWN, f"/rules/{number}/campaign", detail)
    for pointer, condition in conditions_of(rules):
        if isinstance(condition, TierIs):
            for place, tier in enumerate(condition.any_of):
                if tier not in tiers:
                    detail = f"the ruleset has no tier {tier!r}; give it a multiplier of 10000 if it changes nothing"
                    yield error(Fault.TIER_UNKNOWN, f"{pointer}/any_of/{place}", detail)
    yield from _too_many(rules)
    yield from _idle(rules)


def _too_many(rules: Rules) -> Iterator[Finding]:
    """Yield the first rule whose campaign is one more than a ruleset names."""
    named = set[str]()
    for number, rule in enumerate(rules.rules):
        named.add(rule.campaign)
        if len(named) > CAMPAIGNS_MAX:
            total = len({each.campaign for each in rules.rules})
            detail = f"the rules name {total} campaigns, and a ruleset has at most {CAMPAIGNS_MAX}"
            yield error(Fault.CAMPAIGNS_TOO_MANY, f"/rules/{number}/campaign", detail)
            return


def _idle(rules: Rules) -> Iterator[Finding]:
    """Yield groups that nothing uses, and checks that stand there twice."""
    used = {rule.group for rule in rules.rules}
    for place, group in enumerate(rules.groups):
        if group.id not in used:
            yield warning(Fault.GROUP_UNUSED, f"/groups/{place}", f"no rule is of group {group.id!r}")
    for place, check in enumerate(rules.checks):
        if check in rules.checks[:place]:
            yield warning(Fault.CHECK_REPEATED, f"/checks/{place}", "this very check stands here twice")


def _repeated(kind: str, named: Sequence[Rule | Group | Tier], code: Fault) -> Iterator[Finding]:
    """Yield every name that was given before."""
    seen: dict[str, int] = {}
    for place, each in enumerate(named):
        if each.id in seen:
            detail = f"{each.id!r} is the name of /{kind}/{seen[each.id]} already"
            yield error(code, f"/{kind}/{place}/id", detail)
        seen.setdefault(each.id, place)
