"""Exchange rates."""

from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.ledger.model.rates import Rate

_COLUMNS: Final = "base, quote, numerator, denominator, source, as_of, is_confirmed, recorded_at"


async def lock(tx: Tx) -> None:
    """Have everybody else who puts a rate wait until `tx` ends."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('exchange rates', 0))")


async def in_force(tx: Tx, base: str, quote: str, *, at: datetime) -> Rate | None:
    """Return the latest rate of a pair that is no later than `at`, None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from ledger.exchange_rates
        where base = %(base)s
          and quote = %(quote)s
          and as_of <= %(at)s
        order by as_of desc
        limit 1
        """,
        {"base": base, "quote": quote, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else _rate(row)


async def following(tx: Tx, base: str, quote: str, *, at: datetime) -> Rate | None:
    """Return the earliest rate of a pair that is later than `at`, None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from ledger.exchange_rates
        where base = %(base)s
          and quote = %(quote)s
          and as_of > %(at)s
        order by as_of
        limit 1
        """,
        {"base": base, "quote": quote, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else _rate(row)


async def insert(tx: Tx, rate: Rate) -> None:
    """Store a rate."""
    await tx.execute(
        f"""
        insert into ledger.exchange_rates ({_COLUMNS})
        values (%(base)s, %(quote)s, %(numerator)s, %(denominator)s, %(source)s, %(as_of)s, %(confirmed)s, %(at)s)
        """,
        {
            "base": rate.base,
            "quote": rate.quote,
            "numerator": rate.numerator,
            "denominator": rate.denominator,
            "source": rate.source,
            "as_of": rate.as_of,
            "confirmed": rate.is_confirmed,
            "at": rate.recorded_at,
        },
    )


async def page(tx: Tx, *, base: str | None, quote: str | None, before: int, limit: int) -> list[tuple[int, Rate]]:
    """Return rates with their positions, the last put first, of those currencies that are named."""
    cursor = await tx.execute(
        f"""
        select position, {_COLUMNS}
        from ledger.exchange_rates
        where position < %(before)s
          and (%(base)s::text is null or base = %(base)s)
          and (%(quote)s::text is null or quote = %(quote)s)
        order by position desc
        limit %(limit)s
        """,
        {"base": base, "quote": quote, "before": before, "limit": limit},
    )
    return [(row[0], _rate(row[1:])) for row in await cursor.fetchall()]


def _rate(row: tuple[Any, ...]) -> Rate:
    """Return the rate of a row of `_COLUMNS`."""
    return Rate(
        base=row[0],
        quote=row[1],
        numerator=row[2],
        denominator=row[3],
        source=row[4],
        as_of=row[5],
        is_confirmed=row[6],
        recorded_at=row[7],
    )
