"""Which exchange rates are sound, alone and beside those before and after."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cashback.kernel.errors import Rejected
from cashback.kernel.instants import WANTED, is_in_range
from cashback.kernel.mistakes import first_of
from cashback.ledger.model.rates import NewRate, Rate, RateAbsurd, RateInvalid
from cashback.ledger.rules.programme import problem_of_currency

FACTOR_MAX: Final = 2
"""A rate that is more than so many times a neighbour in time, or less than that part of it, is confirmed or refused."""

PART_MAX: Final = 10**12


def checked_rate(new: NewRate, *, now: datetime) -> Rate:
    """Return a rate that is sound by itself, its instant in UTC.

    Raises:
        RateInvalid, CurrencyUnknown, CurrencyWithdrawn: with pointers to all that is not.
    """
    as_of = new.as_of or now
    problem = first_of(*_problems_of_pair(new), *_problems_of_instant(as_of, now))
    if problem is not None:
        raise problem
    return Rate(
        base=new.base,
        quote=new.quote,
        numerator=new.numerator,
        denominator=new.denominator,
        source=new.source,
        as_of=as_of.astimezone(UTC),
        is_confirmed=new.is_confirmed,
        recorded_at=now,
    )


def _problems_of_pair(new: NewRate) -> Iterator[Rejected | None]:
    """Yield what is wrong with a rate, whenever it is in force."""
    for pointer, code in (("/base", new.base), ("/quote", new.quote)):
        yield problem_of_currency(code, pointer=pointer)
    if new.base == new.quote:
        yield RateInvalid("a currency is worth itself", pointer="/quote")
    for pointer, part in (("/numerator", new.numerator), ("/denominator", new.denominator)):
        if not 1 <= part <= PART_MAX:
            yield RateInvalid(f"each part of a rate is 1 to {PART_MAX}", pointer=pointer)
    if not new.source.isprintable():
        yield RateInvalid("the source must be printable", pointer="/source")


def _problems_of_instant(as_of: datetime, now: datetime) -> Iterator[Rejected]:
    """Yield what is wrong with the instant from which a rate is in force."""
    if not is_in_range(as_of):
        yield RateInvalid(WANTED, pointer="/as_of")
    elif as_of > now:
        yield RateInvalid("a rate is as of now or before", pointer="/as_of")


def check_beside(rate: Rate, *, last: Rate | None, following: Rate | None) -> None:
    """Return when a rate is near the one before it and the one after it, or confirmed.

    Raises:
        RateAbsurd: it is neither; somebody has mistyped, or turned the ratio round.
    """
    if rate.is_confirmed:
        return
    for name, told, beside in (("last", "it was", last), ("next", "it is later", following)):
        if beside is None or _is_near(rate, beside):
            continue
        ratio = f"{beside.numerator}/{beside.denominator}"
        raise RateAbsurd(
            f"{told} {ratio}: a change by more than a factor of {FACTOR_MAX} is confirmed",
            pointer="/numerator",
            **{name: ratio},
        )


def _is_near(rate: Rate, other: Rate) -> bool:
    """Tell whether neither rate is more than the factor times the other."""
    one, two = rate.numerator * other.denominator, other.numerator * rate.denominator
    return one <= two * FACTOR_MAX and two <= one * FACTOR_MAX
