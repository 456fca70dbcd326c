"""How a problem is said, and the conditions of a ruleset with their places."""

from collections.abc import Iterator

from cashback.ledger.model.problems import Fault, Finding, Severity
from cashback.ledger.model.rulesets import Condition, Rules


def error(code: Fault, pointer: str, detail: str) -> Finding:
    """Return a problem that keeps a ruleset from being published."""
    return Finding(code=code, severity=Severity.ERROR, pointer=pointer, detail=detail)


def warning(code: Fault, pointer: str, detail: str) -> Finding:
    """Return a problem that may be meant."""
    return Finding(code=code, severity=Severity.WARNING, pointer=pointer, detail=detail)


def conditions_of(rules: Rules) -> Iterator[tuple[str, Condition]]:
    """Yield every condition with its place."""
    for number, rule in enumerate(rules.rules):
        for name, conditions in (("when", rule.when), ("unless", rule.unless)):
            for place, condition in enumerate(conditions):
                yield f"/rules/{number}/{name}/{place}", condition
