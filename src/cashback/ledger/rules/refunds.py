"""What refunds leave of a cashback: exact, the same in any order, and never more than before.

Of line i: E its eligible base, G its grant, L what was returned of it by name; A is what was returned by amount alone.

    S = sum(E - L)      a = min(A, S)      R = L + a (E - L) / S      net = sum floor(G (E - R) / E)

E - R is (E - L) (S - a) / S, so each line is one division of whole numbers, rounded down once. Everything returned
makes S - a, or every E - L, exactly 0. More returned makes both factors smaller, never larger: no share ever rises.
"""

from collections.abc import Sequence

from cashback.kernel.money import Minor
from cashback.ledger.model import Grants


def net(grants: Grants, line_refunds: Sequence[int], amount_refunds: int) -> Minor:
    """Return what is left of the grants after all refunds so far, in minor units of the funding currency.

    `line_refunds` holds for each line the sum of what was returned of it by name, `amount_refunds` the sum of the rest.
    Of a line only its eligible base counts: what is returned beyond that had earned nothing.
    """
    return Minor(sum(_line_nets(grants, line_refunds, amount_refunds)))


def kept(grants: Grants, line_refunds: Sequence[int], amount_refunds: int, debited: int = 0) -> dict[str, Minor]:
    """Return what is left of each campaign's grants; together they are `net` less `debited`, and never below 0.

    On each line the campaigns give back from the last id to the first, so each one's share falls with the line's. What
    people took back by hand goes back from the last id to the first as well, after all lines: no share ever rises.
    """
    left: dict[str, Minor] = {}
    for line, remains in zip(grants.lines, _line_nets(grants, line_refunds, amount_refunds), strict=True):
        for campaign, granted in line.grants:
            share = min(granted, remains)
            left[campaign] = Minor(left.get(campaign, 0) + share)
            remains -= share  # noqa: PLW2901  # what the campaigns after this one share
    for campaign in sorted(left, reverse=True):
        taken = min(left[campaign], debited)
        left[campaign] = Minor(left[campaign] - taken)
        debited -= taken
    return left


def _line_nets(grants: Grants, line_refunds: Sequence[int], amount_refunds: int) -> list[int]:
    """Return what is left of each line's grants."""
    remains = [max(line.base - returned, 0) for line, returned in zip(grants.lines, line_refunds, strict=True)]
    whole = sum(remains)
    spared = whole - min(amount_refunds, whole)
    if not spared:
        return [0] * len(remains)
    return [
        line.granted * rest * spared // (line.base * whole) if rest else 0
        for line, rest in zip(grants.lines, remains, strict=True)
    ]
