"""When a budget ends if spending goes on as it did: whole numbers only, and honest about how little is known."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from typing import Final

from cashback.kernel.money import Minor
from cashback.ledger.model.campaigns import Forecast

DAYS_SEEN_MAX: Final = 28
"""Four whole weeks: every weekday counts as often as any other."""

STRETCH_DAYS: Final = 7
FAR: Final = 3_650
"""What lasts longer than ten years is not foretold to the day."""


def forecast(left: Minor, spent: Sequence[int], *, today: date) -> Forecast | None:
    """Return the day on which `left` ends, given what whole days before today spent, the oldest first.

    Only the last `DAYS_SEEN_MAX` count; what came back on a day is taken off what it granted. None when nothing was
    spent on them, or what is left lasts for longer than `FAR` days.
    """
    days = [max(amount, 0) for amount in spent[-DAYS_SEEN_MAX:]]
    total = sum(days)
    if total == 0:
        return None
    stretch = min(STRETCH_DAYS, len(days))
    sums = [0, *accumulate(days)]
    stretches = [sums[end] - sums[end - stretch] for end in range(stretch, len(sums))]
    lasts = _days(left, total, len(days))
    shortest, longest = (_days(left, amount, stretch) for amount in (max(stretches), min(stretches)))
    if lasts is None:
        return None
    # Of an odd number of days the mean may lie outside its own stretches: what is spent at both ends is in no one.
    earliest = lasts if shortest is None else min(lasts, shortest)
    return Forecast(
        day=today + timedelta(days=lasts),
        earliest=today + timedelta(days=earliest),
        latest=None if longest is None else today + timedelta(days=max(lasts, longest)),
        days_seen=len(days),
        stretch_days=stretch,
    )


def _days(left: Minor, amount: int, days: int) -> int | None:
    """Return in how many days `left` is used up when `days` of them use `amount`: the day on which the last unit goes.

    None for longer than `FAR`, and for ever.
    """
    if amount == 0:
        return None
    lasts = left * days // amount
    return lasts if lasts <= FAR else None
