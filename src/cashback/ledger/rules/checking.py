"""What is wrong with a ruleset that has the right form: contradictions, names of nothing, bounds that nothing meets.

The one function that drafts are checked by, `lint`, so that what publishes and what only looks find the same.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from cashback.kernel.money import INT63_MAX
from cashback.ledger.model.drafts import Finding, Severity
from cashback.ledger.model.rulesets import (
    AmountIs,
    Condition,
    CurrencyIs,
    Fixed,
    Group,
    HoursAre,
    Limits,
    MerchantIs,
    Percent,
    Rule,
    Rules,
    Tier,
    Tiered,
    TierIs,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.currencies import currency_of
from cashback.ledger.rules.former_currencies import withdrawn_in
from cashback.ledger.rules.zones import is_zone

_GROWING: Final = ("purchase", "user_day", "user_month", "user_lifetime")


def lint(rules: Rules, *, campaigns: Collection[str] | None = None) -> tuple[Finding, ...]:
    """Return everything that is wrong with a ruleset, errors first, each kind in the document's order.

    `campaigns` are those that rules may name; None, when nobody can tell, lets every name pass.
    """
    found = [*_names(rules), *_gates(rules), *_limits(rules.limits)]
    for place, rule in enumerate(rules.rules):
        found += _rule(rules, rule, f"/rules/{place}", campaigns)
    if rules.review_above is not None:
        found += _amount(rules.review_above, "/review_above", least=0)
    return tuple(sorted(found, key=lambda finding: finding.severity is Severity.WARNING))


def _error(code: str, pointer: str, detail: str) -> Finding:
    """Return what keeps a ruleset from being published."""
    return Finding(severity=Severity.ERROR, code=code, pointer=pointer, detail=detail)


def _warning(code: str, pointer: str, detail: str) -> Finding:
    """Return what only looks wrong."""
    return Finding(severity=Severity.WARNING, code=code, pointer=pointer, detail=detail)


def _names(rules: Rules) -> Iterator[Finding]:
    """Find names that stand for two things, and groups and tiers that nothing uses."""
    kinds: dict[str, Sequence[Rule | Group | Tier]] = {
        "rules": rules.rules,
        "groups": rules.groups,
        "tiers": rules.tiers,
    }
    for kind, parts in kinds.items():
        seen: set[str] = set()
        for place, part in enumerate(parts):
            if part.id in seen:
                yield _error("id_repeated", f"/{kind}/{place}/id", f"{part.id} stands for two of the {kind}")
            seen.add(part.id)
    used = {rule.group for rule in rules.rules}
    for place, group in enumerate(rules.groups):
        if group.id not in used:
            yield _warning("group_unused", f"/groups/{place}", f"no rule is in the group {group.id}")
    for place, check in enumerate(rules.checks):
        if check in rules.checks[:place]:
            yield _warning("check_repeated", f"/checks/{place}", "this very check stands here twice")


def _gates(rules: Rules) -> Iterator[Finding]:
    """Find gates that name no currency in use, and amounts out of bounds."""
    yield from _currencies(rules.gates.currencies, "/gates/currencies")
    if rules.gates.at_least is not None:
        yield from _amount(rules.gates.at_least, "/gates/at_least", least=0)


def _limits(limits: Limits) -> Iterator[Finding]:
    """Find limits of nothing, and wider limits that are lower than narrower ones."""
    told = {name: getattr(limits, name) for name in (*_GROWING, "merchant_day")}
    for name, text in told.items():
        if text is not None:
            yield from _amount(text, f"/limits/{name}", least=1)
    known = [(name, int(told[name])) for name in _GROWING if told[name] is not None]
    for (narrow, less), (wide, more) in pairwise(known):
        if more < less:
            yield _warning("limit_idle", f"/limits/{narrow}", f"the limit {wide} is lower, so this one never acts")


def _rule(rules: Rules, rule: Rule, at: str, campaigns: Collection[str] | None) -> Iterator[Finding]:
    """Find what is wrong with one rule."""
    if campaigns is not None and rule.campaign not in campaigns:
        yield _error("campaign_unknown", f"{at}/campaign", f"{rule.campaign} is no open campaign of the programme")
    if rule.group is not None and rule.group not in {group.id for group in rules.groups}:
        yield _error("group_unknown", f"{at}/group", f"there is no group {rule.group}")
    if rule.at_most is not None:
        yield from _amount(rule.at_most, f"{at}/at_most", least=1)
    yield from _earning(rule, at)
    if rule.lines is not None:
        for both, without in (("skus", "without_skus"), ("categories", "without_categories")):
            names, excluded = getattr(rule.lines, both), getattr(rule.lines, without)
            if names and set(names) <= set(excluded):
                yield _error("lines_never", f"{at}/lines/{without}", f"every one of {both} is left out again")
    for kind, conditions in (("when", rule.when), ("unless", rule.unless)):
        for place, condition in enumerate(conditions):
            yield from _condition(rules, condition, f"{at}/{kind}/{place}")
    yield from _contradictions(rules, rule, at)


def _earning(rule: Rule, at: str) -> Iterator[Finding]:
    """Find earnings of nothing, and brackets out of order."""
    match rule.earns:
        case Fixed(amount=amount):
            yield from _amount(amount, f"{at}/earns/amount", least=1)
        case Tiered(brackets=brackets):
            starts = [int(bracket.from_amount) for bracket in brackets]
            for place, start in enumerate(starts):
                pointer = f"{at}/earns/brackets/{place}/from_amount"
                yield from _amount(brackets[place].from_amount, pointer, least=0)
                if place and start <= starts[place - 1]:
                    yield _error("brackets_unordered", pointer, "a bracket starts above the one before")
        case Percent():
            return


def _condition(rules: Rules, condition: Condition, at: str) -> Iterator[Finding]:
    """Find conditions that nothing can meet, or that name what there is not."""
    match condition:
        case AmountIs():
            yield from _range(condition, at)
        case CurrencyIs(any_of=codes):
            yield from _currencies(codes, f"{at}/any_of")
        case WeekdayIs() | HoursAre():
            yield from _clock(condition, at)
        case WithinDates(start=start_at, end=end_at):
            yield from _dates(start_at, end_at, at)
        case TierIs(any_of=names):
            known = {tier.id for tier in rules.tiers}
            for place, name in ((place, name) for place, name in enumerate(names) if name not in known):
                yield _warning("tier_unlisted", f"{at}/any_of/{place}", f"{name} is not among the tiers")
        case _:
            return


def _range(condition: AmountIs, at: str) -> Iterator[Finding]:
    """Find amounts out of bounds and ranges of nothing."""
    for name, text in (("at_least", condition.at_least), ("below", condition.below)):
        if text is not None:
            yield from _amount(text, f"{at}/{name}", least=0)
    if condition.below is not None and int(condition.below) <= int(condition.at_least or 0):
        yield _error("range_empty", f"{at}/below", "no amount is at least the one and below the other")


def _clock(condition: WeekdayIs | HoursAre, at: str) -> Iterator[Finding]:
    """Find zones that there are not, and hours of nothing."""
    if not is_zone(condition.time_zone):
        yield _error("time_zone_unknown", f"{at}/time_zone", "the IANA database has no zone of this name")
    if isinstance(condition, HoursAre) and condition.start == condition.end:
        yield _error("range_empty", f"{at}/end", "the hours end when they start")


def _dates(start: datetime | None, end: datetime | None, at: str) -> Iterator[Finding]:
    """Find times without an offset and windows of nothing."""
    naive = [name for name, told in (("start", start), ("end", end)) if told is not None and told.tzinfo is None]
    for name in naive:
        yield _error("time_without_offset", f"{at}/{name}", "a time must name its offset")
    if start is not None and end is not None and not naive and end <= start:
        yield _error("range_empty", f"{at}/end", "the dates end before they start")


def _contradictions(rules: Rules, rule: Rule, at: str) -> Iterator[Finding]:
    """Find what a rule wants and rules out at the same time."""
    for place, condition in enumerate(rule.unless):
        if condition in rule.when:
            yield _error("rule_never", f"{at}/unless/{place}", "the rule wants this very condition in `when`")
    for place, condition in enumerate(rule.when):
        match condition:
            case MerchantIs(any_of=names) if set(names) <= set(rules.gates.without_merchants):
                yield _error("rule_never", f"{at}/when/{place}/any_of", "the gates let none of these merchants in")
            case CurrencyIs(any_of=codes) if rules.gates.currencies and not set(codes) & set(rules.gates.currencies):
                yield _error("rule_never", f"{at}/when/{place}/any_of", "the gates let none of these currencies in")
        if any(type(other) is type(condition) and _disjoint(other, condition) for other in rule.when[:place]):
            yield _error("rule_never", f"{at}/when/{place}", "no purchase meets this and the same condition before it")


def _disjoint(one: Condition, other: Condition) -> bool:
    """Tell whether two lists of the same kind have nothing in common."""
    first, second = getattr(one, "any_of", None), getattr(other, "any_of", None)
    return first is not None and second is not None and not set(first) & set(second)


def _amount(text: str, pointer: str, *, least: int) -> Iterator[Finding]:
    """Find an amount out of bounds."""
    if not least <= int(text) <= INT63_MAX:
        yield _error("amount_out_of_bounds", pointer, f"an amount here is {least} to {INT63_MAX} minor units")


def _currencies(codes: Sequence[str], pointer: str) -> Iterator[Finding]:
    """Find currencies that are not in use."""
    for place, code in enumerate(codes):
        if (year := withdrawn_in(code)) is not None:
            yield _error("currency_withdrawn", f"{pointer}/{place}", f"{code} was withdrawn in {year}")
        elif currency_of(code) is None:
            yield _error("currency_unknown", f"{pointer}/{place}", f"{code} is no code of ISO 4217")
