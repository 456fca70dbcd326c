"""A rule's conditions as functions, made once per ruleset: each returns None where it holds, else why it does not.

Thresholds are in the funding currency and amounts in the purchase's: both sides are multiplied up and compared as whole
numbers, so no rate ever rounds a purchase over a threshold.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, assert_never

from cashback.ledger.model.codes import Skip
from cashback.ledger.model.engine import PurchaseFacts
from cashback.ledger.model.rulesets import (
    AmountIs,
    Condition,
    CurrencyIs,
    FirstPurchase,
    HoursAre,
    MccIs,
    MerchantIs,
    TierIs,
    Weekday,
    WeekdayIs,
    WithinDates,
)

DAY_MINUTES: Final = 24 * 60
PARTY: Final = MerchantIs | MccIs | CurrencyIs | TierIs | FirstPurchase
"""Conditions on who buys where and in which currency: see `View.party`."""
_SECONDS_PER_MINUTE: Final = 60
_DAYS: Final = {day: number for number, day in enumerate(Weekday)}


class View:
    """A purchase as conditions look at it: `amount * factor / divisor` minor units of the funding currency."""

    __slots__ = ("amount", "divisor", "factor", "facts", "mcc", "merchant", "minutes", "occurred_at", "offsets", "tier")

    def __init__(self, facts: PurchaseFacts, *, factor: int, divisor: int, offsets: Mapping[str, int]) -> None:
        """Look at `facts` with these offsets of the zones from UTC, in seconds."""
        self.facts = facts
        self.merchant = facts.merchant_id
        self.mcc = facts.mcc
        self.tier = facts.user_tier
        self.factor = factor
        self.divisor = divisor
        self.amount = facts.amount * factor
        self.occurred_at = facts.occurred_at
        self.offsets = offsets
        self.minutes = minutes_of(facts.occurred_at)

    @property
    def party(self) -> "Party":
        """Return everything that conditions of the kind `PARTY` look at."""
        facts = self.facts
        return (
            facts.merchant_id,
            facts.mcc,
            facts.currency,
            facts.user_tier,
            facts.is_first_purchase,
            facts.is_first_at_merchant,
        )

    def local(self, zone: str) -> int:
        """Return the minutes on a zone's clocks since its first day."""
        return self.minutes + self.offsets[zone] // _SECONDS_PER_MINUTE


Holds: TypeAlias = Callable[[View], Skip | None]
Party: TypeAlias = tuple[str, str | None, str, str | None, bool, bool]


def minutes_of(instant: datetime) -> int:
    """Return the minutes from the first day of the calendar to an instant, both in UTC: no offset overflows them."""
    offset = instant.utcoffset()
    ahead = offset.days * DAY_MINUTES + offset.seconds // _SECONDS_PER_MINUTE if offset else 0
    return instant.toordinal() * DAY_MINUTES + instant.hour * 60 + instant.minute - ahead


def compile_condition(condition: Condition) -> Holds:  # noqa: PLR0911 - one return for each kind
    """Return the function of one condition."""
    match condition:
        case MerchantIs():
            return _merchant(frozenset(condition.any_of))
        case MccIs():
            return _mcc(frozenset(condition.any_of))
        case CurrencyIs():
            return _currency(frozenset(condition.any_of))
        case AmountIs():
            return _amount(condition)
        case WeekdayIs():
            return _weekday(frozenset(_DAYS[day] for day in condition.any_of), condition.time_zone)
        case HoursAre():
            return _hours(minutes(condition.start), minutes(condition.end), condition.time_zone)
        case WithinDates():
            return _dates(condition.start, condition.end)
        case TierIs():
            return _tier(frozenset(condition.any_of))
        case FirstPurchase():
            return _first_anywhere if condition.at == "anywhere" else _first_at_merchant
    assert_never(condition)


def minutes(hour: str) -> int:
    """Return the minutes since midnight of a time such as `17:30`; `24:00` is the end of the day."""
    return int(hour[:2]) * 60 + int(hour[3:])


def _merchant(listed: frozenset[str]) -> Holds:
    """Hold at listed merchants."""
    return lambda view: None if view.merchant in listed else Skip.MERCHANT_NOT_LISTED


def _mcc(listed: frozenset[str]) -> Holds:
    """Hold where the merchant's category is known and listed."""

    def holds(view: View) -> Skip | None:
        if view.mcc in listed:
            return None
        return Skip.MCC_NOT_LISTED if view.mcc is not None else Skip.MCC_UNKNOWN

    return holds


def _currency(listed: frozenset[str]) -> Holds:
    """Hold for listed currencies."""
    return lambda view: None if view.facts.currency in listed else Skip.CURRENCY_NOT_LISTED


def _amount(condition: AmountIs) -> Holds:
    """Hold for amounts in `[at_least, below)`."""
    at_least = int(condition.at_least) if condition.at_least is not None else 0
    below = int(condition.below) if condition.below is not None else None

    def holds(view: View) -> Skip | None:
        if view.amount < at_least * view.divisor:
            return Skip.AMOUNT_BELOW
        return Skip.AMOUNT_NOT_BELOW if below is not None and view.amount >= below * view.divisor else None

    return holds


def _weekday(days: frozenset[int], zone: str) -> Holds:
    """Hold on some days of a zone's calendar; the calendar's first day was a Monday."""
    return lambda view: None if (view.local(zone) // DAY_MINUTES - 1) % 7 in days else Skip.WEEKDAY_NOT_LISTED


def _hours(start: int, end: int, zone: str) -> Holds:
    """Hold in `[start, end)` of a zone's day, over midnight where the end comes first."""

    def holds(view: View) -> Skip | None:
        now = view.local(zone) % DAY_MINUTES
        is_within = start <= now < end if start < end else now >= start or now < end
        return None if is_within else Skip.OUTSIDE_HOURS

    return holds


def _dates(start: datetime | None, end: datetime | None) -> Holds:
    """Hold in `[start, end)`."""

    def holds(view: View) -> Skip | None:
        if start is not None and view.occurred_at < start:
            return Skip.NOT_YET_STARTED
        return Skip.ALREADY_ENDED if end is not None and view.occurred_at >= end else None

    return holds


def _tier(listed: frozenset[str]) -> Holds:
    """Hold for users of a listed tier."""

    def holds(view: View) -> Skip | None:
        if view.tier in listed:
            return None
        return Skip.TIER_NOT_LISTED if view.tier is not None else Skip.TIER_UNKNOWN

    return holds


def _first_anywhere(view: View) -> Skip | None:
    """Hold for the user's first purchase."""
    return None if view.facts.is_first_purchase else Skip.NOT_FIRST_PURCHASE


def _first_at_merchant(view: View) -> Skip | None:
    """Hold for the user's first purchase at this merchant."""
    return None if view.facts.is_first_at_merchant else Skip.NOT_FIRST_AT_MERCHANT
