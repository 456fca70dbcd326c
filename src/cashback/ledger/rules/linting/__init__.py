"""What is wrong with a ruleset before anybody is decided by it: every problem at once, each with its place."""

from collections.abc import Collection, Iterator

from cashback.ledger.model.engine import ProgrammeFacts
from cashback.ledger.model.problems import Finding, RulesetInvalid, Severity
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.linting.names import names
from cashback.ledger.rules.linting.rivals import rivals
from cashback.ledger.rules.linting.satisfiable import satisfiable
from cashback.ledger.rules.linting.together import together
from cashback.ledger.rules.linting.values import values

__all__ = ["check_ruleset", "lint"]


def lint(
    rules: Rules, programme: ProgrammeFacts | None = None, campaigns: Collection[str] | None = None
) -> list[Finding]:
    """Return all problems, errors first and each kind in the order of the document.

    `campaigns` are the ids of those of the programme that rules may name. Where nobody can tell of a programme, or of
    its campaigns, what is said of them passes.
    """
    found = list(_problems(rules, programme, campaigns))
    # Purchases are tried only where the rules mean something by themselves.
    if not any(problem.severity is Severity.ERROR for problem in found):
        found += together(rules)
    return [problem for severity in Severity for problem in found if problem.severity is severity]


def check_ruleset(rules: Rules, programme: ProgrammeFacts | None, campaigns: Collection[str] | None) -> list[Finding]:
    """Return the warnings of a ruleset that may be published.

    Raises:
        RulesetInvalid: it has errors; with the place of the first, and all problems.
    """
    problems = lint(rules, programme, campaigns)
    if problems and problems[0].severity is Severity.ERROR:
        raise RulesetInvalid(problems[0].detail, pointer=problems[0].pointer, problems=problems)
    return problems


def _problems(rules: Rules, programme: ProgrammeFacts | None, campaigns: Collection[str] | None) -> Iterator[Finding]:
    """Yield what each of the ways to look finds."""
    yield from names(rules, campaigns)
    yield from values(rules, programme)
    yield from satisfiable(rules)
    yield from rivals(rules)
