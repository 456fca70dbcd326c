"""Which exchange rates are sound, alone and beside the one before."""

from datetime import datetime
from typing import Final

from cashback.kernel.instants import WANTED, is_in_range
from cashback.ledger.model.rates import NewRate, Rate, RateAbsurd, RateInvalid
from cashback.ledger.rules.programme import known_currency

FACTOR_MAX: Final = 2
"""A rate that is more than so many times the one before, or less than that part of it, is confirmed or refused."""

PART_MAX: Final = 10**12


def checked_rate(new: NewRate, *, now: datetime) -> Rate:
    """Return a rate that is sound by itself.

    Raises:
        RateInvalid, CurrencyUnknown, CurrencyWithdrawn: with a pointer to what is not.
    """
    for pointer, code in (("/base", new.base), ("/quote", new.quote)):
        known_currency(code, pointer=pointer)
    if new.base == new.quote:
        raise RateInvalid("a currency is worth itself", pointer="/quote")
    for pointer, part in (("/numerator", new.numerator), ("/denominator", new.denominator)):
        if not 1 <= part <= PART_MAX:
            raise RateInvalid(f"each part of a rate is 1 to {PART_MAX}", pointer=pointer)
    if not new.source.isprintable():
        raise RateInvalid("the source must be printable", pointer="/source")
    as_of = new.as_of or now
    if not is_in_range(as_of):
        raise RateInvalid(WANTED, pointer="/as_of")
    if as_of > now:
        raise RateInvalid("a rate is as of now or before", pointer="/as_of")
    return Rate(
        base=new.base,
        quote=new.quote,
        numerator=new.numerator,
        denominator=new.denominator,
        source=new.source,
        as_of=as_of,
        is_confirmed=new.is_confirmed,
        recorded_at=now,
    )


def check_beside(rate: Rate, last: Rate | None) -> None:
    """Return when a rate is near the one before it, or confirmed.

    Raises:
        RateAbsurd: it is neither; somebody has mistyped, or turned the ratio round.
    """
    if last is None or rate.is_confirmed:
        return
    new, old = rate.numerator * last.denominator, last.numerator * rate.denominator
    if new > old * FACTOR_MAX or old > new * FACTOR_MAX:
        raise RateAbsurd(
            f"it was {last.numerator}/{last.denominator}: a change by more than a factor of {FACTOR_MAX} is confirmed",
            pointer="/numerator",
            last=f"{last.numerator}/{last.denominator}",
        )
