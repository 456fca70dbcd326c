"""Programmes, the percentage each was started with, and what their budgets hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.instants import EARLIEST
from cashback.kernel.money import Bps, Currency, Minor, TokenRate
from cashback.ledger.model import Conditions, Conversion, NewProgramme, Programme, Ruleset

_TERMS: Final = """
    programme.id, programme.currency, programme.exponent, programme.token_rate_numerator,
    programme.token_rate_denominator, programme.created_at, ruleset.id, ruleset.version, ruleset.rate_bps
"""
_BARE: Final = """
    select id, version, rate_bps
    from ledger.rulesets
    where programme_id = programme.id
      and rate_bps is not null
    order by version desc
    limit 1
"""
"""The percentage that a programme was started with; what was published since is a document."""

BEGINNING: Final = EARLIEST
"""The first rules of a programme are of all time before: what is imported occurred long before it is recorded."""

_PROGRAMME: Final = f"""
    select {_TERMS}, programme.name, funds.budget, funds.left_over, programme.ended_at, programme.time_zone,
           programme.hold_days, programme.refund_policy, programme.expire_after_days, programme.write_off_after_days,
           accepted.others, base.amount, programme.review_above_minor, programme.second_above_minor,
           programme.users_per_wallet
    from ledger.programmes as programme
    left join lateral ({_BARE}) as ruleset on true
    cross join lateral (
        select coalesce(-sum(account.balance) filter (where account.kind = 'funding'), 0) as budget,
               coalesce(sum(account.balance) filter (where account.kind = 'budget'), 0) as left_over
        from ledger.campaigns as campaign
        join ledger.accounts as account on account.owner = campaign.id and account.currency = programme.currency
        where campaign.programme_id = programme.id
    ) as funds
    cross join lateral (
        select coalesce(array_agg(currency order by currency), '{{}}') as others
        from ledger.programme_currencies
        where programme_id = programme.id
          and currency <> programme.currency
    ) as accepted
    left join lateral (
        select transfer.amount
        from ledger.campaigns as campaign
        join ledger.accounts as funding on funding.owner = campaign.id and funding.kind = 'funding'
        join ledger.transfers as transfer on transfer.debit_account = funding.id
        where campaign.programme_id = programme.id
          and campaign.name = 'base'
        order by transfer.position
        limit 1
    ) as base on ruleset.id is not null
"""
"""Without the percentage that it was started with, a campaign named `base` is one that somebody created later."""


async def read(
    tx: Tx, *, programme_id: str | None = None, name: str | None = None, currency: str | None = None
) -> Programme | None:
    """Return one programme by id, by name, or the one in force that takes a currency; None when there is none.

    Without any of the three it is the oldest one in force.
    """
    cursor = await tx.execute(
        f"""
        {_PROGRAMME}
        where case
            when %(id)s::text is not null then programme.id = %(id)s
            when %(name)s::text is not null then programme.name = %(name)s
            else programme.ended_at is null and (%(currency)s::text is null or exists (
                select
                from ledger.programme_currencies
                where programme_id = programme.id
                  and currency = %(currency)s
                  and ends_at is null)) end
        order by programme.created_at, programme.id
        limit 1
        """,
        {"id": programme_id, "name": name, "currency": currency},
    )
    row = await cursor.fetchone()
    return None if row is None else _programme(row)


async def exists(tx: Tx, programme_id: str) -> bool:
    """Tell whether there is a programme, in force or not."""
    cursor = await tx.execute(
        """
        select exists (
            select
            from ledger.programmes
            where id = %(id)s)
        """,
        {"id": programme_id},
    )
    [(found,)] = await cursor.fetchall()
    return bool(found)


async def page(tx: Tx, *, after: str, in_force: bool | None, limit: int) -> list[Programme]:
    """Return programmes by id, from the one after `after` on; those in force or those that ended, None for all."""
    cursor = await tx.execute(
        f"""
        {_PROGRAMME}
        where programme.id > %(after)s
          and (%(in_force)s::boolean is null or (programme.ended_at is null) = %(in_force)s)
        order by programme.id
        limit %(limit)s
        """,
        {"after": after, "in_force": in_force, "limit": limit},
    )
    return [_programme(row) for row in await cursor.fetchall()]


async def taken(tx: Tx, currencies: Sequence[str]) -> list[str]:
    """Return those of some currencies that a programme in force takes."""
    cursor = await tx.execute(
        """
        select currency
        from ledger.programme_currencies
        where currency = any(%(currencies)b::text[])
          and ends_at is null
        order by currency
        """,
        {"currencies": list(currencies)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def insert(tx: Tx, terms: NewProgramme, currency: Currency, *, programme_id: str, at: datetime) -> None:
    """Store a programme without campaigns and rules."""
    await tx.execute(
        """
        insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
                                       created_at, time_zone, hold_days, refund_policy, expire_after_days,
                                       write_off_after_days, review_above_minor, second_above_minor, users_per_wallet)
        values (%(id)s, %(name)s, %(currency)s, %(exponent)s, %(numerator)s, %(denominator)s, %(at)s, %(zone)s,
                %(hold)s, %(policy)s, %(expire)s, %(write_off)s, %(review_above)s, %(second_above)s, %(users)s)
        """,
        {
            "id": programme_id,
            "name": terms.name,
            "currency": currency.code,
            "exponent": currency.exponent,
            "numerator": terms.token_rate.numerator,
            "denominator": terms.token_rate.denominator,
            "at": at,
            "zone": terms.conditions.time_zone,
            "hold": terms.conditions.hold_days,
            "policy": terms.conditions.refund_policy,
            "expire": terms.conditions.expire_after_days,
            "write_off": terms.conditions.write_off_after_days,
            "review_above": terms.conditions.review_above,
            "second_above": terms.conditions.second_above,
            "users": terms.conditions.users_per_wallet,
        },
    )


async def accept(tx: Tx, programme_id: str, currencies: Sequence[str], *, at: datetime) -> None:
    """Have a programme take purchases in these currencies from now on."""
    await tx.execute(
        """
        insert into ledger.programme_currencies (programme_id, currency, starts_at)
        select %(id)s, currency, %(at)s
        from unnest(%(currencies)b::text[]) as currency
        """,
        {"id": programme_id, "currencies": list(currencies), "at": at},
    )


async def insert_base(tx: Tx, ruleset: Ruleset, *, campaign_id: str, document: bytes, at: datetime) -> None:
    """Store the campaign that pays and the percentage that a programme starts with."""
    await tx.execute(
        """
        with campaign as (
            insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
            values (%(campaign_id)s, %(programme)s, 'base', %(beginning)s, %(at)s)
        )
        insert into ledger.rulesets (id, programme_id, version, rate_bps, document, digest, starts_at, published_at)
        values (%(id)s, %(programme)s, %(version)s, %(rate_bps)s, %(document)s, sha256(%(document)s),
                %(beginning)s, %(at)s)
        """,
        {
            "id": ruleset.id,
            "programme": ruleset.programme_id,
            "version": ruleset.version,
            "rate_bps": ruleset.rate,
            "campaign_id": campaign_id,
            "document": document,
            "beginning": BEGINNING,
            "at": at,
        },
    )


async def end(tx: Tx, programme_id: str, *, reason: str, at: datetime) -> bool:
    """End a programme; False when it has ended before."""
    cursor = await tx.execute(
        """
        update ledger.programmes
        set ended_at = %(at)s,
            ended_because = %(reason)s
        where id = %(id)s
          and ended_at is null
        """,
        {"id": programme_id, "reason": reason, "at": at},
    )
    return cursor.rowcount == 1


def _programme(row: tuple[Any, ...]) -> Programme:
    """Return the programme of a row of `_PROGRAMME`."""
    return Programme(
        id=row[0],
        name=row[9],
        ruleset=None if row[6] is None else _ruleset(row),
        conversion=_conversion(row),
        budget=Minor(int(row[10])),
        budget_left=Minor(int(row[11])),
        created_at=row[5],
        ended_at=row[12],
        currency=Currency(code=row[1], exponent=row[2]),
        started_with=row[19],
        conditions=Conditions(
            time_zone=row[13],
            hold_days=row[14],
            refund_policy=row[15],
            expire_after_days=row[16],
            write_off_after_days=row[17],
            accepts=tuple(row[18]),
            review_above=row[20],
            second_above=row[21],
            users_per_wallet=row[22],
        ),
    )


def _ruleset(row: tuple[Any, ...]) -> Ruleset:
    """Return the rules of a row that begins with `_TERMS`."""
    return Ruleset(
        id=row[6],
        programme_id=row[0],
        version=row[7],
        currency=Currency(code=row[1], exponent=row[2]),
        rate=Bps(row[8]),
    )


def _conversion(row: tuple[Any, ...]) -> Conversion:
    """Return the rate of such a row; without a market for the token it is a term of the programme, and as old."""
    return Conversion(rate=TokenRate(row[3], row[4]), source=row[0], as_of=row[5])


async def first_made_at(tx: Tx) -> datetime | None:
    """Return when the first programme was made, None before."""
    cursor = await tx.execute(
        """
        select min(created_at)
        from ledger.programmes
        """
    )
    [row] = await cursor.fetchall()
    made_at: datetime | None = row[0]
    return made_at
