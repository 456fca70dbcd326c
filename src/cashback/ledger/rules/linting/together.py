"""Rules whose rates pay more than a purchase together, found by deciding purchases that could be made.

Each is of one line, and bought where something changes (`bought`). The engine itself decides it, so that rules which
exclude each other, by whatever, are never told. Fixed amounts are left out: they are no part of a price.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE, Currency, Minor
from cashback.ledger.model.engine import Line, ProgrammeFacts, PurchaseFacts
from cashback.ledger.model.problems import Fault, Finding
from cashback.ledger.model.rulesets import Fixed, Mode, Percent, Rule, Rules, Tiered
from cashback.ledger.rules.engine.compile import published
from cashback.ledger.rules.engine.conditions import View
from cashback.ledger.rules.engine.earn import earn
from cashback.ledger.rules.engine.earnings import compile_earning
from cashback.ledger.rules.linting.bought import PLAIN, Choice, bought
from cashback.ledger.rules.linting.found import error, warning

TRIED_MAX: Final = 5_000
"""How many choices are weighed; where there are more, what may be paid is a warning."""
_NAMED_MAX: Final = 10


def together(rules: Rules) -> Iterator[Finding]:
    """Yield the rules that pay more than the whole price of a purchase together; of a ruleset without other errors.

    Where there is more to try than is tried, and nothing was found, a warning tells what all of it may pay at most.
    """
    paying = _Paying(rules)
    most = paying.most([_highest_rate(rule) for rule in rules.rules], (1 << len(rules.rules)) - 1, None)
    if most <= BPS_IN_WHOLE:
        return
    search = _Search(rules, paying)
    found = search.first()
    if found is not None:
        yield found
    elif not search.is_whole:
        detail = (
            f"together the rules may pay {most} basis points of a purchase, of which there are too many kinds to try"
        )
        yield warning(Fault.RATES_ABSURD, "/rules", detail)


class _Paying:
    """What rules may pay together, by what each may pay alone."""

    def __init__(self, rules: Rules) -> None:
        """Sort rules by whether they count beside all others, as the best of some, or alone."""
        modes = {group.id: group.mode for group in rules.groups}
        self._alone, self._beside, self._best = 0, 0, dict[str, int]()
        for number, rule in enumerate(rules.rules):
            match modes.get(rule.group or "", Mode.ADDITIVE):
                case Mode.EXCLUSIVE:
                    self._alone |= 1 << number
                case Mode.BEST_OF:
                    self._best[rule.group or ""] = self._best.get(rule.group or "", 0) | 1 << number
                case Mode.ADDITIVE:
                    self._beside |= 1 << number
        self._multipliers = {tier.id: tier.multiplier_bps for tier in rules.tiers}

    def most(self, each: Sequence[int], left: int, chosen: Choice | None) -> int:
        """Return the most that the rules which are `left` pay together; users of every tier, or of the one chosen."""
        together = sum(each[number] for number in _bits(self._beside & left))
        for group in self._best.values():
            together += max((each[number] for number in _bits(group & left)), default=0)
        alone = max((each[number] for number in _bits(self._alone & left)), default=0)
        if chosen is not None and "user_tier" in chosen.facts:
            multiplier = self._multipliers.get(str(chosen.facts["user_tier"]), BPS_IN_WHOLE)
        else:
            multiplier = max((BPS_IN_WHOLE, *self._multipliers.values()))
        return max(together, alone) * multiplier // BPS_IN_WHOLE


class _Search:
    """Purchases tried one after another, those that may earn most first, until one earns more than its price."""

    def __init__(self, rules: Rules, paying: _Paying) -> None:
        """Begin with everything that can be bought."""
        self._rules, self._paying = rules, paying
        self._bought = bought(rules)
        self._ruleset = published(rules, id="rul_lint", version=1)
        self._earn = [_earning(rule) for rule in rules.rules]
        self._places = {rule.id: place for place, rule in enumerate(rules.rules)}
        self._limits = [int(limit) for limit in msgspec.structs.asdict(rules.limits).values() if limit is not None]
        self._tried = 0
        self.is_whole = self._bought.is_whole

    def first(self) -> Finding | None:
        """Return what is wrong with the first purchase that is paid for whole and more, None where none was found."""
        for chosen in self._bought.amounts:
            facts = msgspec.structs.replace(PLAIN, **chosen.facts)
            each = [earns(facts) for earns in self._earn]
            found = self._follow(chosen, self._bought.others, each, facts.amount)
            if found is not None:
                return found
        return None

    def _follow(
        self, chosen: Choice, open_: Sequence[Sequence[Choice]], each: Sequence[int], amount: Minor
    ) -> Finding | None:
        """Return what is wrong with the first purchase of those that a choice leaves open, None where none is."""
        if self._most(each, chosen) <= amount:
            return None
        if not open_:
            return self._decided(chosen, amount)
        self._tried += len(open_[0])
        if self._tried > TRIED_MAX:
            self.is_whole = False
            return None
        choices = sorted((chosen.also(other) for other in open_[0]), key=lambda choice: -self._most(each, choice))
        for choice in choices:
            found = self._follow(choice, open_[1:], each, amount)
            if found is not None:
                return found
        return None

    def _most(self, each: Sequence[int], choice: Choice) -> int:
        """Return the most that is paid for a choice."""
        return min([self._paying.most(each, choice.left, choice), *self._limits])

    def _decided(self, choice: Choice, amount: Minor) -> Finding | None:
        """Return what is wrong with one purchase as the engine decides it, or None."""
        facts = dict(choice.facts)
        line = Line(amount, sku=_text(facts.pop("sku")), category=_text(facts.pop("category")))
        purchase = msgspec.structs.replace(PLAIN, lines=(line,), **facts)
        programme = ProgrammeFacts(id="prg_lint", funding=Currency(purchase.currency, 2))
        trace = earn(purchase, programme, self._ruleset).trace
        counted = [each for each in trace.counted if not isinstance(self._rule(each.rule).earns, Fixed)]
        paid = min([sum(each.granted for each in counted) * trace.multiplier_bps // BPS_IN_WHOLE, *self._limits])
        if paid <= amount:
            return None
        places = sorted(self._places[each.rule] for each in counted)
        return error(Fault.RATES_ABSURD, f"/rules/{places[-1]}/earns", _words(places, purchase, paid))

    def _rule(self, name: str) -> Rule:
        """Return the rule of a name."""
        return self._rules.rules[self._places[name]]


def _bits(rules: int) -> Iterator[int]:
    """Yield the numbers of the rules of a set."""
    while rules:
        lowest = rules & -rules
        yield lowest.bit_length() - 1
        rules ^= lowest


def _words(places: Sequence[int], purchase: PurchaseFacts, paid: int) -> str:
    """Return what rules pay of a purchase, each with its place."""
    named = ", ".join(f"/rules/{place}" for place in places[:_NAMED_MAX])
    more = f" and {len(places) - _NAMED_MAX} more" if len(places) > _NAMED_MAX else ""
    pay = "together pay" if len(places) > 1 else "pays"
    tier = f" of a user of tier {purchase.user_tier!r}" if purchase.user_tier is not None else ""
    return f"{named}{more} {pay} {paid} for a purchase of {purchase.amount}{tier}: more than the whole price"


def _highest_rate(rule: Rule) -> int:
    """Return the most basis points that a rule pays, 0 for a fixed amount."""
    match rule.earns:
        case Percent(rate_bps=rate):
            return rate
        case Tiered(brackets=brackets):
            return max(bracket.rate_bps for bracket in brackets)
        case _:
            return 0


def _earning(rule: Rule) -> Callable[[PurchaseFacts], int]:
    """Return the function of what a rule's rate earns on a purchase, whatever it asks for."""
    if isinstance(rule.earns, Fixed):
        return lambda _: 0
    earns = compile_earning(rule.earns)
    at_most = int(rule.at_most) if rule.at_most is not None else None

    def earned(facts: PurchaseFacts) -> int:
        found = earns(facts.amount, View(facts, factor=1, divisor=1, offsets={}))
        return found if at_most is None else min(found, at_most)

    return earned


def _text(value: object) -> str | None:
    """Return a name, or None for none."""
    return None if value is None else str(value)
