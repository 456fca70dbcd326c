"""Exchange rates: put once, told of, and the one in force at an instant."""

from datetime import datetime
from typing import Final

from cashback.kernel.db import Database, Tx
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.ledger.model.rates import NewRate, Rate, RateExists, RateUnknown
from cashback.ledger.rules.rates import check_beside, checked_rate
from cashback.ledger.rules.statements import check_instant
from cashback.ledger.store import rates as store

LIST_MAX: Final = 200


async def put_rate(tx: Tx, new: NewRate, *, now: datetime) -> Rate:
    """Return a rate that is in force from its instant on; the very same again changes nothing.

    Raises:
        RateInvalid, CurrencyUnknown, CurrencyWithdrawn: it is unsound; roll `tx` back.
        RateAbsurd: it is far from the one before or the one after, and not confirmed.
        RateExists: there is another one as of the same instant.
    """
    rate = checked_rate(new, now=now)
    await store.lock(tx)
    last = await store.in_force(tx, rate.base, rate.quote, at=rate.as_of)
    if last is not None and last.as_of == rate.as_of:
        if (last.numerator, last.denominator, last.source) == (rate.numerator, rate.denominator, rate.source):
            return last
        raise RateExists("there is another rate of this instant", pointer="/as_of")
    check_beside(rate, last=last, following=await store.following(tx, rate.base, rate.quote, at=rate.as_of))
    await store.insert(tx, rate)
    return rate


class RateReadings:
    """The reading desk for exchange rates: any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def in_force(self, base: str, quote: str, *, at: datetime) -> Rate:
        """Return the rate of a pair that is in force at an instant.

        Raises:
            PeriodInvalid: the instant lacks its offset, or is out of range.
            RateUnknown: there is none.
        """
        check_instant(at, parameter="at")
        async with self._database.transaction() as tx:
            found = await store.in_force(tx, base, quote, at=at)
        if found is None:
            raise RateUnknown("there is no rate of this pair as of then", base=base, quote=quote)
        return found

    async def rates(
        self, *, base: str | None, quote: str | None, after: str | None, limit: int
    ) -> tuple[list[Rate], str | None]:
        """Return a page of rates, the last put first, and the place of the next one.

        Raises:
            CursorInvalid: `after` is no place of ours.
        """
        before, most = number_of(after, first=INT63_MAX), min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            found = await store.page(tx, base=base, quote=quote, before=before, limit=most + 1)
        kept = found[:most]
        return [rate for _, rate in kept], str(kept[-1][0]) if len(found) > most else None
