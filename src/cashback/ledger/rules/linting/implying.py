"""When one condition holds whenever another one does, and when two can never hold together."""

from typing import Final

from cashback.ledger.model.rulesets import (
    AmountIs,
    Condition,
    CurrencyIs,
    FirstPurchase,
    HoursAre,
    MccIs,
    MerchantIs,
    TierIs,
    WeekdayIs,
    WithinDates,
)
from cashback.ledger.rules.engine.conditions import minutes

_DAY: Final = 24 * 60


def excludes(one: Condition, other: Condition) -> bool:  # noqa: PLR0911 - one return for each kind
    """Return whether two conditions of a kind can never hold together; those of two kinds always can."""
    if type(one) is not type(other):
        return False
    match one, other:
        case (MerchantIs() | MccIs() | CurrencyIs() | TierIs(), MerchantIs() | MccIs() | CurrencyIs() | TierIs()):
            return not set(one.any_of) & set(other.any_of)
        case (WeekdayIs(), WeekdayIs()):
            return one.time_zone == other.time_zone and not set(one.any_of) & set(other.any_of)
        case (HoursAre(), HoursAre()):
            return one.time_zone == other.time_zone and not hours(one) & hours(other)
        case (AmountIs(), AmountIs()):
            return _is_empty(max(_low(one), _low(other)), _lowest(_high(one), _high(other)))
        case (WithinDates(), WithinDates()):
            starts = [each.start for each in (one, other) if each.start is not None]
            ends = [each.end for each in (one, other) if each.end is not None]
            return bool(starts and ends) and max(starts) >= min(ends)
        case _:
            return False


def implies(one: Condition, other: Condition) -> bool:  # noqa: PLR0911 - one return for each kind
    """Return whether `other` holds for certain whenever `one` does."""
    if type(one) is not type(other):
        return False
    match one, other:
        case (MerchantIs() | MccIs() | CurrencyIs() | TierIs(), MerchantIs() | MccIs() | CurrencyIs() | TierIs()):
            return set(one.any_of) <= set(other.any_of)
        case (WeekdayIs(), WeekdayIs()):
            return one.time_zone == other.time_zone and set(one.any_of) <= set(other.any_of)
        case (HoursAre(), HoursAre()):
            return one.time_zone == other.time_zone and not hours(one) & ~hours(other)
        case (AmountIs(), AmountIs()):
            high, limit = _high(one), _high(other)
            return _low(one) >= _low(other) and (limit is None or (high is not None and high <= limit))
        case (WithinDates(), WithinDates()):
            starts_late = other.start is None or (one.start is not None and one.start >= other.start)
            ends_early = other.end is None or (one.end is not None and one.end <= other.end)
            return starts_late and ends_early
        case (FirstPurchase(), FirstPurchase()):
            return one.at in {other.at, "anywhere"}
        case _:
            return False


def hours(condition: HoursAre) -> int:
    """Return the minutes of the day that a condition lets in, a bit for each."""
    start, end = minutes(condition.start), minutes(condition.end)
    if start < end:
        return (1 << end) - (1 << start)
    return (1 << _DAY) - (1 << start) + (1 << end) - 1


def _low(condition: AmountIs) -> int:
    """Return the lowest amount that is let in."""
    return int(condition.at_least or 0)


def _high(condition: AmountIs) -> int | None:
    """Return the first amount that is not, None when all are."""
    return int(condition.below) if condition.below is not None else None


def _lowest(one: int | None, other: int | None) -> int | None:
    """Return the lower of two bounds, where None is none."""
    bounds = [bound for bound in (one, other) if bound is not None]
    return min(bounds) if bounds else None


def _is_empty(low: int, high: int | None) -> bool:
    """Return whether no amount lies in `[low, high)`."""
    return high is not None and low >= high
