"""Programmes, their rules and what their budgets hold."""

from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import TOKEN_DECIMALS, Bps, Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model import Commitments, Conversion, InForce, NewProgramme, Programme, Ruleset
from cashback.ledger.model.terms import LifeTerms

_TERMS: Final = """
    programme.id, programme.currency, programme.exponent, programme.token_rate_numerator,
    programme.token_rate_denominator, programme.created_at, ruleset.id, ruleset.version, ruleset.rate_bps,
    budget.balance, campaign.id
"""
_LIFE: Final = """
    programme.hold_days, programme.review_above_minor, programme.second_above_minor, programme.paused_at is not null
"""
_FROM: Final = """
    ledger.programmes as programme
    cross join lateral (
        select id, version, rate_bps
        from ledger.rulesets
        where programme_id = programme.id
        order by version desc
        limit 1
    ) as ruleset
    join ledger.campaigns as campaign
      on campaign.programme_id = programme.id and campaign.name = 'base'
    join ledger.accounts as budget
      on budget.owner = campaign.id and budget.kind = 'budget' and budget.currency = programme.currency
"""


async def lock_in_force(tx: Tx) -> InForce | None:
    """Return what decides purchases now, its budget locked until `tx` ends, or None when no programme is in force."""
    cursor = await tx.execute(
        f"""
        select {_TERMS}, {_LIFE}
        from {_FROM}
        where programme.ended_at is null
        for update of budget
        """
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return InForce(
        ruleset=_ruleset(row),
        campaign_id=row[10],
        conversion=_conversion(row),
        budget_left=Minor(row[9]),
        life=LifeTerms(hold_days=row[11], review_above=row[12], second_above=row[13], is_paused=row[14]),
    )


async def read(tx: Tx, *, programme_id: str | None = None, name: str | None = None) -> Programme | None:
    """Return one programme by id or by name, or the one in force when neither is given; None when there is none."""
    cursor = await tx.execute(
        f"""
        select {_TERMS}, programme.name, -funding.balance, programme.ended_at
        from {_FROM}
        join ledger.accounts as funding
          on funding.owner = campaign.id and funding.kind = 'funding' and funding.currency = programme.currency
        where case
            when %(id)s::text is not null then programme.id = %(id)s
            when %(name)s::text is not null then programme.name = %(name)s
            else programme.ended_at is null end
        """,
        {"id": programme_id, "name": name},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return Programme(
        id=row[0],
        name=row[11],
        ruleset=_ruleset(row),
        conversion=_conversion(row),
        budget=Minor(row[12]),
        budget_left=Minor(row[9]),
        created_at=row[5],
        ended_at=row[13],
    )


async def commitments(tx: Tx, *, currency: str) -> Commitments:
    """Return what every funded programme may pay in all: the budgets in `currency`, and all of them in tokens."""
    cursor = await tx.execute(
        """
        select coalesce(sum(-funding.balance) filter (where programme.currency = %(currency)s), 0),
               coalesce(sum(div(
                   -funding.balance * 10::numeric ^ %(decimals)s * token_rate_numerator,
                   10::numeric ^ exponent * token_rate_denominator)), 0)
        from ledger.programmes as programme
        join ledger.campaigns as campaign on campaign.programme_id = programme.id
        join ledger.accounts as funding
          on funding.owner = campaign.id and funding.kind = 'funding' and funding.currency = programme.currency
        """,
        {"currency": currency, "decimals": TOKEN_DECIMALS},
    )
    row = await cursor.fetchone()
    if row is None:
        return Commitments()
    return Commitments(budget=Minor(int(row[0])), token_units=TokenUnits(int(row[1])))


async def insert(
    tx: Tx, terms: NewProgramme, ruleset: Ruleset, *, campaign_id: str, document: bytes, at: datetime
) -> bool:
    """Store a programme, the campaign that pays and the first version of its rules.

    Return False when another is in force or has its name; then nothing is stored.
    """
    cursor = await tx.execute(
        """
        with programme as (
            insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
                                           created_at)
            values (%(id)s, %(name)s, %(currency)s, %(exponent)s, %(numerator)s, %(denominator)s, %(at)s)
            on conflict do nothing
            returning id
        ),
        campaign as (
            insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
            select %(campaign_id)s, programme.id, 'base', %(at)s, %(at)s
            from programme
        )
        insert into ledger.rulesets (id, programme_id, version, rate_bps, document, digest, starts_at, published_at)
        select %(ruleset_id)s, programme.id, %(version)s, %(rate_bps)s, %(document)s, sha256(%(document)s), %(at)s,
               %(at)s
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
            "campaign_id": campaign_id,
            "document": document,
            "at": at,
        },
    )
    return await cursor.fetchone() is not None


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
