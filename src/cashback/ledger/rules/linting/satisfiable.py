"""Rules that no purchase can ever match: their conditions contradict each other, or a gate."""

from collections.abc import Iterator
from itertools import combinations

from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import AmountIs, Condition, CurrencyIs, Gates, Lines, MccIs, MerchantIs, Rule, Rules
from cashback.ledger.rules.linting.found import error
from cashback.ledger.rules.linting.implying import excludes, implies


def satisfiable(rules: Rules) -> Iterator[Finding]:
    """Yield the conditions by which a rule never matches."""
    for number, rule in enumerate(rules.rules):
        pointer = f"/rules/{number}"
        yield from _together(pointer, rule)
        for place, condition in enumerate(rule.when):
            if shut := _shut(condition, rules.gates):
                detail = f"rule {rule.id!r} asks for what the gates keep out: {shut}"
                yield error(Fault.GATE_CONTRADICTS, f"{pointer}/when/{place}", detail)
        if rule.lines is not None and _is_empty(rule.lines):
            detail = f"rule {rule.id!r} is about no line: all that it names it leaves out"
            yield error(Fault.NEVER_HOLDS, f"{pointer}/lines", detail)


def _together(pointer: str, rule: Rule) -> Iterator[Finding]:
    """Yield conditions of one rule that cannot hold together."""
    for (first, one), (second, other) in combinations(enumerate(rule.when), 2):
        if excludes(one, other):
            detail = f"rule {rule.id!r}: this never holds together with {pointer}/when/{first}"
            yield error(Fault.NEVER_HOLDS, f"{pointer}/when/{second}", detail)
    for place, other in enumerate(rule.unless):
        for first, one in enumerate(rule.when):
            if implies(one, other):
                detail = (
                    f"rule {rule.id!r}: this holds whenever {pointer}/when/{first} does, and so excludes everything"
                )
                yield error(Fault.NEVER_HOLDS, f"{pointer}/unless/{place}", detail)


def _shut(condition: Condition, gates: Gates) -> str | None:
    """Return which gate lets nothing through that a condition asks for, or None."""
    match condition:
        case MerchantIs() if set(condition.any_of) <= set(gates.without_merchants):
            return "/gates/without_merchants"
        case MccIs() if set(condition.any_of) <= set(gates.without_mccs):
            return "/gates/without_mccs"
        case CurrencyIs() if gates.currencies and not set(condition.any_of) & set(gates.currencies):
            return "/gates/currencies"
        case AmountIs() if condition.below is not None and int(condition.below) <= int(gates.at_least or 0):
            return "/gates/at_least"
        case _:
            return None


def _is_empty(lines: Lines) -> bool:
    """Return whether everything that is listed is left out again."""
    wanted = [*lines.skus, *lines.categories]
    return (
        bool(wanted)
        and set(lines.skus) <= set(lines.without_skus)
        and (set(lines.categories) <= set(lines.without_categories))
    )
