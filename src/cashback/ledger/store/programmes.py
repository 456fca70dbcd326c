"""Programmes, their rules and what their budgets hold."""

from datetime import datetime
from typing import Any

from cashback.kernel.db import Tx
from cashback.kernel.money import Bps, Currency, Minor, TokenRate
from cashback.ledger.model import Conversion, NewProgramme, Programme, Ruleset


async def lock_in_force(tx: Tx) -> Programme | None:
    """Return the programme in force with its budget locked until `tx` ends, or None when there is none."""
    cursor = await tx.execute(
        """
        select programme.id, programme.name, programme.currency, programme.exponent, programme.token_rate_numerator,
               programme.token_rate_denominator, programme.created_at, programme.ended_at,
               ruleset.id, ruleset.version, ruleset.rate_bps, 0::bigint, budget.balance
        from ledger.programmes as programme
        cross join lateral (
            select id, version, rate_bps
            from ledger.rulesets
            where programme_id = programme.id
            order by version desc
            limit 1
        ) as ruleset
        join ledger.accounts as budget
          on budget.owner = programme.id and budget.kind = 'budget' and budget.currency = programme.currency
        where programme.ended_at is null
        for update of budget
        """
    )
    row = await cursor.fetchone()
    return None if row is None else _programme(row)


async def read(tx: Tx, *, programme_id: str | None = None, name: str | None = None) -> Programme | None:
    """Return one programme by id or by name, or the one in force when neither is given; None when there is none."""
    cursor = await tx.execute(
        """
        select programme.id, programme.name, programme.currency, programme.exponent, programme.token_rate_numerator,
               programme.token_rate_denominator, programme.created_at, programme.ended_at,
               ruleset.id, ruleset.version, ruleset.rate_bps, -funding.balance, budget.balance
        from ledger.programmes as programme
        cross join lateral (
            select id, version, rate_bps
            from ledger.rulesets
            where programme_id = programme.id
            order by version desc
            limit 1
        ) as ruleset
        join ledger.accounts as budget
          on budget.owner = programme.id and budget.kind = 'budget' and budget.currency = programme.currency
        join ledger.accounts as funding
          on funding.owner = programme.id and funding.kind = 'funding' and funding.currency = programme.currency
        where case
            when %(id)s::text is not null then programme.id = %(id)s
            when %(name)s::text is not null then programme.name = %(name)s
            else programme.ended_at is null end
        """,
        {"id": programme_id, "name": name},
    )
    row = await cursor.fetchone()
    return None if row is None else _programme(row)


async def insert(tx: Tx, terms: NewProgramme, ruleset: Ruleset, *, at: datetime) -> bool:
    """Store a programme and the first version of its rules; False when another is in force or has its name."""
    cursor = await tx.execute(
        """
        with programme as (
            insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
                                           created_at)
            values (%(id)s, %(name)s, %(currency)s, %(exponent)s, %(numerator)s, %(denominator)s, %(at)s)
            on conflict do nothing
            returning id
        )
        insert into ledger.rulesets (id, programme_id, version, rate_bps, published_at)
        select %(ruleset_id)s, programme.id, %(version)s, %(rate_bps)s, %(at)s
        from programme
        returning id
        """,
        {
            "id": ruleset.programme_id,
            "name": terms.name,
            "currency": ruleset.currency.code,
            "exponent": ruleset.currency.exponent,
            "numerator": terms.token_rate.numerator,
            "denominator": terms.token_rate.denominator,
            "ruleset_id": ruleset.id,
            "version": ruleset.version,
            "rate_bps": ruleset.rate,
            "at": at,
        },
    )
    return await cursor.fetchone() is not None


def _programme(row: tuple[Any, ...]) -> Programme:
    """Return one row of the two statements above as a programme."""
    ruleset = Ruleset(
        id=row[8],
        programme_id=row[0],
        version=row[9],
        currency=Currency(code=row[2], exponent=row[3]),
        rate=Bps(row[10]),
    )
    # Without a market for the token, its rate is a term of the programme and as old as that.
    conversion = Conversion(rate=TokenRate(row[4], row[5]), source=row[0], as_of=row[6])
    return Programme(
        id=row[0],
        name=row[1],
        ruleset=ruleset,
        conversion=conversion,
        budget=Minor(row[11]),
        budget_left=Minor(row[12]),
        created_at=row[6],
        ended_at=row[7],
    )
