"""Which rules match a purchase, what each earns by itself, and which of them count together."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from cashback.ledger.model.codes import Skip
from cashback.ledger.model.engine import Line
from cashback.ledger.model.rulesets import Earning, Mode
from cashback.ledger.rules.engine.conditions import Holds, Party, View
from cashback.ledger.rules.engine.earnings import Earns, why_nothing
from cashback.ledger.rules.engine.spreading import reduce_to, spread

PARTIES_KEPT: Final = 1_024
"""How many parties' candidates a ruleset keeps, 4 MiB at most at 200 rules; then it begins anew."""


Eligible: TypeAlias = Callable[[Line], bool]


class ReadyRule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One rule, ready: `when` and `unless` must hold and must not; `eligible` is None where every line is.

    Those `by_party` come first: they look at who buys where and in which currency alone, and never at time or amount.
    """

    id: str
    campaign: str
    earning: Earning
    earns: Earns
    is_per_line: bool
    eligible: Eligible | None
    by_party: tuple[tuple[Holds, bool], ...]
    when: tuple[Holds, ...]
    unless: tuple[Holds, ...]
    mode: Mode | None
    group: str | None
    priority: int
    at_most: int | None


class Match(msgspec.Struct, frozen=True, eq=False):
    """A rule that matched: the bases of the lines it is about, and what it earns in all and on each."""

    rule: ReadyRule
    bases: list[int]
    desired: int
    granted: int
    parts: list[int]


Skipped = dict[Skip, list[str]]


class Candidates:
    """The rules that a purchase of one party may match, the others by why they never do: kept, since parties come back.

    Keeping changes no answer: conditions by party look at nothing else.
    """

    def __init__(self, rules: Sequence[ReadyRule]) -> None:
        """Begin with nothing kept."""
        self._rules = rules
        self._kept: dict[Party, tuple[list[ReadyRule], Skipped]] = {}

    def of(self, view: View) -> tuple[list[ReadyRule], Skipped]:
        """Return the candidates and the skipped ones; both are the caller's to read, not to change."""
        party = view.party
        found = self._kept.get(party)
        if found is None:
            found = self._sort_out(view)
            if len(self._kept) >= PARTIES_KEPT:
                self._kept.clear()
            self._kept[party] = found
        return found

    def forget(self) -> None:
        """Begin anew: the next purchase of every party is sorted out as if it were the first."""
        self._kept.clear()

    def _sort_out(self, view: View) -> tuple[list[ReadyRule], Skipped]:
        """Ask every rule's conditions by party."""
        candidates, skipped = [], dict[Skip, list[str]]()
        for rule in self._rules:
            for holds, is_wanted in rule.by_party:
                why = holds(view)
                if is_wanted and why is not None:
                    skipped.setdefault(why, []).append(rule.id)
                    break
                if not is_wanted and why is None:
                    skipped.setdefault(Skip.EXCLUDED, []).append(rule.id)
                    break
            else:
                candidates.append(rule)
        return candidates, skipped


def match_all(
    candidates: Candidates, view: View, lines: Sequence[Line], *, closed: frozenset[str]
) -> tuple[list[Match], Skipped]:
    """Return the rules that match, in the order of their ids, and the ids of the others by why they do not."""
    rules, never = candidates.of(view)
    matches, skipped = [], {why: list(ids) for why, ids in never.items()}
    for rule in rules:
        found = _match(rule, view, lines, closed)
        if isinstance(found, Match):
            matches.append(found)
        else:
            skipped.setdefault(found, []).append(rule.id)
    return matches, skipped


def counting(matches: Sequence[Match], skipped: Skipped) -> list[Match]:
    """Return those of the matches that count together, in the order of their ids; the others join `skipped`.

    The best of all exclusive ones counts alone; else the best of each best_of group, and all the rest.
    """
    exclusive = [match for match in matches if match.rule.mode is Mode.EXCLUSIVE]
    if exclusive:
        winner = min(exclusive, key=_rank)
        for match in matches:
            if match is not winner:
                is_rival = match.rule.group == winner.rule.group
                why = Skip.BEATEN_IN_GROUP if is_rival else Skip.BEATEN_BY_EXCLUSIVE
                skipped.setdefault(why, []).append(match.rule.id)
        return [winner]
    winners: dict[str | None, Match] = {}
    for match in matches:
        if match.rule.mode is Mode.BEST_OF:
            best = winners.get(match.rule.group)
            winners[match.rule.group] = match if best is None else min(best, match, key=_rank)
    counted = []
    for match in matches:
        if match.rule.mode is not Mode.BEST_OF or winners[match.rule.group] is match:
            counted.append(match)
        else:
            skipped.setdefault(Skip.BEATEN_IN_GROUP, []).append(match.rule.id)
    return counted


def _rank(match: Match) -> tuple[int, int, str]:
    """Return what the best has least of: by amount, then by priority, then the lowest id."""
    return -match.granted, -match.rule.priority, match.rule.id


def _match(rule: ReadyRule, view: View, lines: Sequence[Line], closed: frozenset[str]) -> Match | Skip:
    """Return what a rule earns, or the first reason why it does not."""
    if rule.campaign in closed:
        return Skip.CAMPAIGN_CLOSED
    for holds in rule.when:
        why = holds(view)
        if why is not None:
            return why
    for holds in rule.unless:
        if holds(view) is None:
            return Skip.EXCLUDED
    bases = _bases(rule, lines)
    # With one line, which is the usual purchase, there is nothing to add up and nothing to spread.
    base = bases[0] if len(bases) == 1 else sum(bases)
    if not base:
        return Skip.NO_ELIGIBLE_LINE
    if rule.is_per_line and len(bases) > 1:
        parts = [rule.earns(part, view) if part else 0 for part in bases]
        desired = sum(parts)
    else:
        desired = rule.earns(base, view)
        parts = [desired] if len(bases) == 1 else spread(desired, bases)
    granted = desired if rule.at_most is None or desired <= rule.at_most else rule.at_most
    if not granted:
        return why_nothing(rule.earning, base, view) if not desired else Skip.EARNS_NOTHING
    return Match(rule, bases, desired, granted, parts if granted == desired else reduce_to(granted, parts))


def _bases(rule: ReadyRule, lines: Sequence[Line]) -> list[int]:
    """Return what each line counts for a rule: its amount where the rule is about it, else 0."""
    eligible = rule.eligible
    if eligible is None:
        return [line.amount for line in lines]
    return [line.amount if eligible(line) else 0 for line in lines]
