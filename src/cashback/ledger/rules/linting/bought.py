"""What could be bought that a ruleset tells apart: of each kind of fact a value for every set of rules that it leaves.

A rule is left by a value when its conditions on that kind of fact hold for it. Of amounts and instants those are looked
at where something begins to hold or ends; between them nothing changes but the amount.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Final, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE, INT63_MAX, Minor
from cashback.ledger.model.engine import PurchaseFacts
from cashback.ledger.model.rulesets import (
    AmountIs,
    Condition,
    CurrencyIs,
    FirstPurchase,
    HoursAre,
    Lines,
    MccIs,
    MerchantIs,
    Percent,
    Rules,
    Tiered,
    TierIs,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.engine.conditions import View, compile_condition, minutes
from cashback.ledger.rules.engine.earn import offsets_at

LOOKED_AT_MAX: Final = 50_000
"""How often a condition is looked at for amounts, and as often for instants; how many kinds of lines there are."""
_USUAL: Final = 10_000
_LARGE: Final = 10**12
"""Amounts that are looked at whatever the rules say."""
_SOME_DAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
"""Where no rule asks for dates; rules that do are looked at where theirs begin and end."""
_WEEK: Final = 7
_SURE: Final = range(3, 9998)
"""Years in which no week around an instant leads out of the calendar."""
_FIRSTS: Final = ((True, True), (False, True), (False, False))
PLAIN: Final = PurchaseFacts(
    merchant_id="mer_0", currency="XTS", amount=Minor(_USUAL), occurred_at=_SOME_DAY, received_at=_SOME_DAY
)
"""A purchase of which nothing is chosen: at no merchant that rules name, and in the currency of tests."""
T = TypeVar("T")
_Named: TypeAlias = type[MerchantIs] | type[MccIs] | type[CurrencyIs] | type[TierIs]


class Choice(msgspec.Struct, frozen=True):
    """Facts of a purchase, by the names of `PurchaseFacts`, SKU and category; and the rules they leave, a bit each."""

    facts: Mapping[str, object]
    left: int

    def also(self, other: "Choice") -> "Choice":
        """Return both choices together."""
        return Choice({**self.facts, **other.facts}, self.left & other.left)


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """The choices of each kind of fact; `is_whole` unless there are more of one than are looked at."""

    amounts: Sequence[Choice]
    others: Sequence[Sequence[Choice]]
    is_whole: bool


def bought(rules: Rules) -> Bought:
    """Return what can be bought; the ruleset has no errors, so that its zones are known and its amounts are numbers."""
    amounts, are_all_amounts = _amounts(rules)
    instants, are_all_instants = _instants(rules)
    lines, are_all_lines = _lines(rules)
    firsts = _asked(
        rules, (FirstPurchase,), ({"is_first_purchase": one, "is_first_at_merchant": other} for one, other in _FIRSTS)
    )
    tiers = _names(rules, TierIs, {each.id for each in rules.tiers})
    others = (
        [Choice({"user_tier": name}, left) for name, left in tiers.items()],
        _one_each(Choice({"merchant_id": name or _unnamed(rules)}, left) for name, left in _merchants(rules)),
        _one_each(Choice({"mcc": name}, left) for name, left in _mccs(rules)),
        _one_each(Choice({"currency": name or PLAIN.currency}, left) for name, left in _currencies(rules)),
        _one_each(firsts),
        instants,
        lines,
    )
    return Bought(amounts=amounts, others=others, is_whole=are_all_amounts and are_all_instants and are_all_lines)


def _one_each(choices: Iterable[Choice]) -> list[Choice]:
    """Return one choice for every set of rules that is left by some."""
    found: dict[int, Choice] = {}
    for choice in choices:
        found.setdefault(choice.left, choice)
    return list(found.values())


def _names(rules: Rules, kind: _Named, more: Iterable[str] = ()) -> dict[str | None, int]:
    """Return the rules left by each name that conditions of a kind list, by `more`, and by any other, which is None."""
    wanted = [0] * len(rules.rules)
    listed: dict[str, dict[int, int]] = {}
    excluded: dict[str, int] = {}
    for number, rule in enumerate(rules.rules):
        for condition in rule.when:
            if isinstance(condition, kind):
                wanted[number] += 1
                for name in set(condition.any_of):
                    by_rule = listed.setdefault(name, {})
                    by_rule[number] = by_rule.get(number, 0) + 1
        for condition in rule.unless:
            if isinstance(condition, kind):
                for name in condition.any_of:
                    excluded[name] = excluded.get(name, 0) | 1 << number
    other = sum(1 << number for number, count in enumerate(wanted) if not count)
    found: dict[str | None, int] = {None: other}
    for name in sorted({*listed, *excluded, *more}):
        by_rule = listed.get(name, {})
        asked = sum(1 << number for number, count in by_rule.items() if count == wanted[number])
        found[name] = (other | asked) & ~excluded.get(name, 0)
    return found


def _merchants(rules: Rules) -> Iterator[tuple[str | None, int]]:
    """Yield merchants that the gates let in, None for any that no rule names, with the rules they leave."""
    shut = set(rules.gates.without_merchants)
    return ((name, left) for name, left in _names(rules, MerchantIs).items() if name not in shut)


def _mccs(rules: Rules) -> Iterator[tuple[str | None, int]]:
    """Yield categories that the gates let in, None for a merchant without one, with the rules they leave."""
    shut = set(rules.gates.without_mccs)
    return ((name, left) for name, left in _names(rules, MccIs).items() if name not in shut)


def _currencies(rules: Rules) -> Iterator[tuple[str | None, int]]:
    """Yield currencies that the gates let in, None for one that no rule names, with the rules they leave."""
    let_in = set(rules.gates.currencies)
    names = _names(rules, CurrencyIs, let_in)
    return ((name, left) for name, left in names.items() if not let_in or name in let_in)


def _unnamed(rules: Rules) -> str:
    """Return a merchant that neither rules nor gates name."""
    named = {*_names(rules, MerchantIs), *rules.gates.without_merchants}
    name = PLAIN.merchant_id
    while name in named:
        name += "0"
    return name


def _asked(rules: Rules, kinds: tuple[type[Condition], ...], facts: Iterable[Mapping[str, object]]) -> Iterator[Choice]:
    """Yield the choices of some facts with the rules whose conditions of these kinds hold for them."""
    asked = [
        (1 << number, compile_condition(condition), is_wanted)
        for number, rule in enumerate(rules.rules)
        for conditions, is_wanted in ((rule.when, True), (rule.unless, False))
        for condition in conditions
        if isinstance(condition, kinds)
    ]
    # Only days and hours look at clocks, of which there may be hundreds.
    zones = {each.time_zone for each in _conditions(rules, kinds) if isinstance(each, WeekdayIs | HoursAre)}
    # Held here, since Python keeps eight of those that nobody holds, and reads a file for each of the others each time.
    clocks = [ZoneInfo(zone) for zone in sorted(zones)]
    for each in facts:
        bought = msgspec.structs.replace(PLAIN, **each)
        view = View(
            bought, factor=1, divisor=1, offsets=offsets_at(bought.occurred_at, [clock.key for clock in clocks])
        )
        left = (1 << len(rules.rules)) - 1
        for bit, holds, is_wanted in asked:
            if (holds(view) is None) is not is_wanted:
                left &= ~bit
        yield Choice(each, left)


def _conditions(rules: Rules, kinds: tuple[type[Condition], ...]) -> list[Condition]:
    """Return the conditions of these kinds, of all rules."""
    return [each for rule in rules.rules for each in (*rule.when, *rule.unless) if isinstance(each, kinds)]


def _amounts(rules: Rules) -> tuple[list[Choice], bool]:
    """Return the amounts at which something begins or ends, a usual one first; and whether those are all."""
    edges = {_LARGE}
    for rule in rules.rules:
        match rule.earns:
            case Percent(rate_bps=rate):
                rates = [rate]
            case Tiered(brackets=brackets):
                rates = [bracket.rate_bps for bracket in brackets]
                edges |= {int(bracket.from_amount) for bracket in brackets}
            case _:
                continue
        # From there on `at_most` is all that the rule earns.
        edges |= {-(-int(rule.at_most) * BPS_IN_WHOLE // rate) for rate in rates if rule.at_most is not None}
    conditions = _conditions(rules, (AmountIs,))
    for condition in conditions:
        if isinstance(condition, AmountIs):
            edges |= {int(bound) for bound in (condition.at_least, condition.below) if bound is not None}
    limits = msgspec.structs.asdict(rules.limits).values()
    edges |= {int(limit) for limit in limits if limit is not None}
    edges |= {edge - 1 for edge in edges}
    least = max(1, int(rules.gates.at_least or 0))
    known = sorted(edge for edge in {_USUAL, least, *edges} if least <= edge <= INT63_MAX)
    known.sort(key=lambda amount: amount != _USUAL)
    kept, are_all = _kept(known, of=len(rules.rules) + len(conditions), total=len(known))
    return list(_asked(rules, (AmountIs,), ({"amount": Minor(amount)} for amount in kept))), are_all


def _instants(rules: Rules) -> tuple[list[Choice], bool]:
    """Return instants at which dates, days or hours begin or end, for every set of rules; and whether those are all."""
    kinds = (WeekdayIs, HoursAre, WithinDates)
    conditions = _conditions(rules, kinds)
    days = {_SOME_DAY}
    clocks: dict[str, set[int]] = {}
    for condition in conditions:
        match condition:
            case WithinDates(start=start, end=end):
                days |= {each for each in (start, end) if each is not None}
                # Where nothing says when it begins, the week before its end is within it.
                days |= {end - timedelta(days=_WEEK + 1)} if end is not None and end.year in _SURE else set()
            case HoursAre(time_zone=zone, start=begins, end=ends):
                clocks.setdefault(zone, {0}).update((minutes(begins), minutes(ends)))
            case WeekdayIs(time_zone=zone):
                clocks.setdefault(zone, {0})
            case _:
                pass
    total = len(days) * (1 + sum((_WEEK + 1) * len(times) for times in clocks.values()))
    # A week before the first year or after the last one there is no calendar.
    sure = sorted(day for day in days if day.year in _SURE)
    kept, are_all = _kept(_times(sure, clocks), of=len(conditions) + 1, total=total)
    facts = ({"occurred_at": each, "received_at": each} for each in kept)
    return _one_each(_asked(rules, kinds, facts)), are_all


def _times(days: Sequence[datetime], clocks: Mapping[str, set[int]]) -> Iterator[datetime]:
    """Yield some days, and within a week from each the instants at which a zone's clocks show these minutes."""
    yield from days
    for day in days:
        for zone, times in sorted(clocks.items()):
            here = day.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
            # The same day of the next week as well: the first one may have passed that hour.
            for number in range(_WEEK + 1):
                for time in sorted(times):
                    yield (here + timedelta(days=number, minutes=time)).astimezone(UTC)


def _lines(rules: Rules) -> tuple[list[Choice], bool]:
    """Return lines of each SKU and category that rules tell apart, for every set of rules; and whether that is all."""
    every = sum(1 << number for number, rule in enumerate(rules.rules) if rule.lines is None)
    unasked = sum(
        1 << number
        for number, rule in enumerate(rules.rules)
        if rule.lines is not None and not (rule.lines.skus or rule.lines.categories)
    )
    about = [rule.lines or Lines() for rule in rules.rules]
    skus = _told_apart([(each.skus, each.without_skus) for each in about])
    categories = _told_apart([(each.categories, each.without_categories) for each in about])
    pairs = product(skus.items(), categories.items())
    kept, are_all = _kept(pairs, of=1, total=len(skus) * len(categories))
    choices = (
        Choice(
            {"sku": sku, "category": category},
            every | ((unasked | by_sku | by_category) & ~(without_sku | without_category)),
        )
        for ((by_sku, without_sku), sku), ((by_category, without_category), category) in kept
    )
    return _one_each(choices), are_all


def _told_apart(listed: Sequence[tuple[Sequence[str], Sequence[str]]]) -> dict[tuple[int, int], str | None]:
    """Return one name for every set of rules that ask for it and every set that leave it out; None is in neither."""
    asking: dict[str, int] = {}
    leaving_out: dict[str, int] = {}
    for number, (names, others) in enumerate(listed):
        for name in names:
            asking[name] = asking.get(name, 0) | 1 << number
        for name in others:
            leaving_out[name] = leaving_out.get(name, 0) | 1 << number
    found: dict[tuple[int, int], str | None] = {(0, 0): None}
    for name in sorted({*asking, *leaving_out}):
        found.setdefault((asking.get(name, 0), leaving_out.get(name, 0)), name)
    return found


def _kept(found: Iterable[T], *, of: int, total: int) -> tuple[list[T], bool]:
    """Return as many as are looked at, each for so many conditions; and whether those are all."""
    most = max(1, LOOKED_AT_MAX // of)
    return list(islice(found, most)), total <= most
