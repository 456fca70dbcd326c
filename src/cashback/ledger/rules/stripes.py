"""A budget that is split over several accounts: who is granted from one waits for nobody at another."""

from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

from cashback.kernel.money import Minor


def home(user_id: str, occurred_at: datetime, *, stripes: int) -> int:
    """Return the stripe that is tried first for what begins with this purchase.

    It is as good as drawn by lot, so that stripes are used alike and run out together, and the same for the same
    purchase, so that a recording that is tried again locks the same.
    """
    return crc32(f"{user_id} {occurred_at.isoformat()}".encode()) % stripes


def spread(amount: Minor, stripes: int) -> list[Minor]:
    """Return an amount split into so many parts that differ by a unit at most, the larger ones first.

    >>> spread(Minor(7), 3)
    [3, 2, 2]
    """
    part, more = divmod(amount, stripes)
    return [Minor(part + 1 if place < more else part) for place in range(stripes)]


def taken(balances: Mapping[int, int], amount: Minor) -> dict[int, Minor]:
    """Return how much to take out of each stripe for an amount that they hold together, from the fullest on.

    Few stripes give much, so that a loan is few transfers.
    """
    parts: dict[int, Minor] = {}
    missing = int(amount)
    for stripe in sorted(balances, key=lambda one: (-balances[one], one)):
        part = min(balances[stripe], missing)
        if part > 0:
            parts[stripe] = Minor(part)
            missing -= part
    return parts


def evened(balances: Mapping[int, int]) -> list[tuple[int, int, Minor]]:
    """Return the moves (from, to, amount) after which stripes differ by a unit at most; none when they do already."""
    total, stripes = sum(balances.values()), sorted(balances)
    if not stripes or max(balances.values()) - min(balances.values()) <= 1:
        return []
    wanted = dict(zip(stripes, spread(Minor(total), len(stripes)), strict=True))
    over = [[stripe, balances[stripe] - wanted[stripe]] for stripe in stripes if balances[stripe] > wanted[stripe]]
    under = [[stripe, wanted[stripe] - balances[stripe]] for stripe in stripes if balances[stripe] < wanted[stripe]]
    moves = []
    while over and under:
        part = min(over[-1][1], under[-1][1])
        moves.append((over[-1][0], under[-1][0], Minor(part)))
        for side in (over, under):
            side[-1][1] -= part
            if side[-1][1] == 0:
                side.pop()
    return moves
