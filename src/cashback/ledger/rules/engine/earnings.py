"""What a rule earns on an amount, made once per ruleset: exact rationals all the way, rounded down once at the end.

An earning gets an amount in the purchase's minor units and a view whose `factor / divisor` turns those into minor units
of the funding currency.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias, assert_never

from cashback.kernel.money import BPS_IN_WHOLE
from cashback.ledger.model.codes import Skip
from cashback.ledger.model.rulesets import Bracket, Earning, Fixed, Percent, Tiered
from cashback.ledger.rules.engine.conditions import View

Earns: TypeAlias = Callable[[int, View], int]
Part: TypeAlias = tuple[int, int | None, int]
"""A bracket: from which amount, up to which or without end, and its rate in basis points."""


def compile_earning(earning: Earning) -> Earns:
    """Return the function of what a rule earns."""
    match earning:
        case Percent():
            return _percent(earning.rate_bps)
        case Fixed():
            return _fixed(int(earning.amount))
        case Tiered():
            parts = _parts(earning.brackets)
            return _marginal(parts) if earning.is_marginal else _whole(parts)
    assert_never(earning)


def why_nothing(earning: Earning, base: int, view: View) -> Skip:
    """Return why a rule earns nothing on a base: below its first bracket, or less than a minor unit."""
    if isinstance(earning, Tiered):
        lowest = min(int(bracket.from_amount) for bracket in earning.brackets)
        if base * view.factor < lowest * view.divisor:
            return Skip.BELOW_FIRST_BRACKET
    return Skip.EARNS_NOTHING


def _percent(rate: int) -> Earns:
    """Earn a part of the amount."""
    return lambda amount, view: amount * view.factor * rate // (BPS_IN_WHOLE * view.divisor)


def _fixed(granted: int) -> Earns:
    """Earn the same each time; nothing where nothing was paid, since no refund could take that back."""
    return lambda amount, _: granted if amount else 0


def _parts(brackets: Sequence[Bracket]) -> tuple[Part, ...]:
    """Return brackets from the lowest on, each ending where the next begins."""
    ordered = sorted((int(bracket.from_amount), bracket.rate_bps) for bracket in brackets)
    between = [(start, end, rate) for (start, rate), (end, _) in pairwise(ordered)]
    return (*between, (ordered[-1][0], None, ordered[-1][1]))


def _whole(parts: Sequence[Part]) -> Earns:
    """Earn the rate of the highest bracket that the amount reaches, of all of it."""
    downwards = tuple(reversed(parts))

    def earns(amount: int, view: View) -> int:
        scaled = amount * view.factor
        for start, _, rate in downwards:
            if scaled >= start * view.divisor:
                return scaled * rate // (BPS_IN_WHOLE * view.divisor)
        return 0

    return earns


def _marginal(parts: Sequence[Part]) -> Earns:
    """Earn for each part of the amount the rate of its bracket."""

    def earns(amount: int, view: View) -> int:
        scaled, earned = amount * view.factor, 0
        for start, end, rate in parts:
            upper = scaled if end is None else min(scaled, end * view.divisor)
            earned += max(0, upper - start * view.divisor) * rate
        return earned // (BPS_IN_WHOLE * view.divisor)

    return earns
