"""Which debts are given up: always the oldest first, since what is paid is always the oldest."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import OpenDebt


def due(debts: Sequence[OpenDebt], limits: Mapping[str, int | None], *, now: datetime) -> list[OpenDebt]:
    """Return which of users' open debts, the oldest of each first, are as old as their programmes let them become.

    A debt that is due waits for older ones of its user that are not: given up before them it would count as one of
    theirs.
    """
    found: list[OpenDebt] = []
    waiting: set[str] = set()
    for debt in debts:
        days = limits.get(debt.programme_id)
        if days is None or debt.raised_at > now - timedelta(days=days):
            waiting.add(debt.user_id)
        if debt.user_id not in waiting:
            found.append(debt)
    return found


def oldest(debts: Sequence[OpenDebt], most: TokenUnits) -> list[OpenDebt]:
    """Return the oldest of one user's debts, at most so many units of them."""
    found, left = [], int(most)
    for debt in debts:
        taken = min(debt.token_units, left)
        if taken:
            found.append(msgspec.structs.replace(debt, token_units=TokenUnits(taken)))
        left -= taken
    return found
