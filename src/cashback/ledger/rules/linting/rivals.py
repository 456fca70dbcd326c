"""Rules that stand in each other's way: never the best of their group, behind an exclusive one, or there twice."""

from collections.abc import Iterator

import msgspec

from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import Fixed, Mode, Per, Percent, Rule, Rules
from cashback.ledger.rules.linting.found import warning
from cashback.ledger.rules.linting.implying import implies


def rivals(rules: Rules) -> Iterator[Finding]:
    """Yield rules that never count, and rules that count twice."""
    modes = {group.id: group.mode for group in rules.groups}
    for number, rule in enumerate(rules.rules):
        mode = modes.get(rule.group or "")
        for other_number, other in enumerate(rules.rules):
            if other is rule or not _covers(other, rule):
                continue
            other_mode = modes.get(other.group or "")
            if other.group == rule.group and mode in {Mode.BEST_OF, Mode.EXCLUSIVE}:
                if _always_beats(other, rule):
                    detail = f"rule {rule.id!r} never wins in its group: /rules/{other_number} always earns as much"
                    yield warning(Fault.NEVER_WINS, f"/rules/{number}", detail)
                    break
            elif other_mode is Mode.EXCLUSIVE and mode is not Mode.EXCLUSIVE:
                detail = f"rule {rule.id!r} never counts: whenever it matches, /rules/{other_number} does, alone"
                yield warning(Fault.SHADOWED, f"/rules/{number}", detail)
                break
            elif other_number < number and _is_twin(other, rule):
                detail = f"rule {rule.id!r} is /rules/{other_number} once more, and both count"
                yield warning(Fault.COUNTED_TWICE, f"/rules/{number}", detail)
                break


def _covers(one: Rule, other: Rule) -> bool:
    """Return whether `one` matches for certain whenever `other` does."""
    if one.lines is not None and one.lines != other.lines:
        return False
    asks_no_more = all(any(implies(theirs, ours) for theirs in other.when) for ours in one.when)
    # What excludes `one` must exclude `other` too, or `other` matches where `one` does not.
    excludes_no_more = all(any(implies(ours, theirs) for theirs in other.unless) for ours in one.unless)
    return asks_no_more and excludes_no_more


def _always_beats(one: Rule, other: Rule) -> bool:
    """Return whether `one`, which matches whenever `other` does, earns as much and wins, or more, every time."""
    if one.at_most is not None and (other.at_most is None or int(one.at_most) < int(other.at_most)):
        return False
    # Rounded line by line, the same rate may earn less than rounded once.
    if one.per is Per.LINE and other.per is Per.PURCHASE:
        return False
    match one.earns, other.earns:
        case Percent(rate_bps=ours), Percent(rate_bps=theirs):
            more = ours - theirs
        case Fixed(amount=mine), Fixed(amount=hers) if one.per is other.per:
            more = int(mine) - int(hers)
        case _:
            return False
    # Where both earn the same, and a higher rate may on a small amount, priority and then the id decide.
    wins_ties = (-one.priority, one.id) < (-other.priority, other.id)
    return more >= 0 and wins_ties


def _is_twin(one: Rule, other: Rule) -> bool:
    """Return whether two rules differ in name and note only."""
    return msgspec.structs.replace(one, id=other.id, note=other.note) == other
