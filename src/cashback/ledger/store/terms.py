"""What decides purchases now: the programme in force with its rulesets and campaigns, and the rates of exchange."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor, TokenRate
from cashback.ledger.model import Conversion
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.engine import Exchange, Published
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.model.terms import CampaignTerms, RulesetVersion, Terms


async def in_force(tx: Tx, *, earliest: datetime, latest: datetime) -> Terms | None:
    """Return the programme in force with the rulesets of a stretch of time, or None when no programme is."""
    cursor = await tx.execute(
        """
        select programme.id, currency, exponent, token_rate_numerator, token_rate_denominator, programme.created_at,
               time_zone, hold_days, review_above_minor, paused_at is not null, ruleset.id, version, starts_at, ends_at
        from ledger.programmes as programme
        left join ledger.rulesets as ruleset
          on ruleset.programme_id = programme.id
         and starts_at <= %(latest)s
         and (ends_at is null or ends_at > %(earliest)s)
        where ended_at is null
        order by version desc
        """,
        {"earliest": earliest, "latest": latest},
    )
    rows = await cursor.fetchall()
    if not rows:
        return None
    first = rows[0]
    return Terms(
        programme_id=first[0],
        funding=Currency(code=first[1], exponent=first[2]),
        conversion=Conversion(rate=TokenRate(first[3], first[4]), source=first[0], as_of=first[5]),
        time_zone=first[6],
        hold=timedelta(days=first[7]),
        review_above=Minor(first[8]) if first[8] is not None else None,
        is_paused=first[9],
        versions=tuple(
            RulesetVersion(id=row[10], version=row[11], starts_at=row[12], ends_at=row[13])
            for row in rows
            if row[10] is not None
        ),
        campaigns={campaign.id: campaign for campaign in await _campaigns(tx, first[0])},
    )


async def rulesets(tx: Tx, ids: Sequence[str]) -> list[Published]:
    """Return those published rulesets; each is known by the digest of its stored bytes."""
    cursor = await tx.execute(
        """
        select id, version, digest, document
        from ledger.rulesets
        where id = any(%(ids)s)
        """,
        {"ids": list(ids)},
    )
    return [
        Published(id=row[0], version=row[1], digest=row[2].hex(), rules=msgspec.json.decode(row[3], type=Rules))
        for row in await cursor.fetchall()
    ]


async def exchanges(
    tx: Tx, quote: Currency, wanted: Sequence[tuple[Currency, datetime]]
) -> dict[tuple[str, datetime], Exchange]:
    """Return for each currency and instant the rate to `quote` that held then; those without one are left out."""
    cursor = await tx.execute(
        """
        select wanted.place, rate.numerator, rate.denominator, rate.source, rate.as_of
        from unnest(%(bases)b::text[], %(ats)b::timestamptz[]) with ordinality as wanted (base, at, place)
        cross join lateral (
            select numerator, denominator, source, as_of
            from ledger.exchange_rates
            where base = wanted.base
              and quote = %(quote)s
              and as_of <= wanted.at
            order by as_of desc
            limit 1
        ) as rate
        """,
        {"bases": [base.code for base, _ in wanted], "ats": [at for _, at in wanted], "quote": quote.code},
    )
    found = {}
    for place, numerator, denominator, source, as_of in await cursor.fetchall():
        base, at = wanted[place - 1]
        found[base.code, at] = Exchange(
            base=base, quote=quote, numerator=numerator, denominator=denominator, source=source, as_of=as_of
        )
    return found


async def insert_exchange(tx: Tx, exchange: Exchange, *, at: datetime) -> bool:
    """Store a rate; return False when one of that instant is stored already, which stays."""
    cursor = await tx.execute(
        """
        insert into ledger.exchange_rates (base, quote, as_of, numerator, denominator, source, created_at)
        values (%(base)s, %(quote)s, %(as_of)s, %(numerator)s, %(denominator)s, %(source)s, %(at)s)
        on conflict do nothing
        returning base
        """,
        {
            "base": exchange.base.code,
            "quote": exchange.quote.code,
            "as_of": exchange.as_of,
            "numerator": exchange.numerator,
            "denominator": exchange.denominator,
            "source": exchange.source,
            "at": at,
        },
    )
    return await cursor.fetchone() is not None


async def _campaigns(tx: Tx, programme_id: str) -> list[CampaignTerms]:
    """Return all campaigns of a programme."""
    cursor = await tx.execute(
        """
        select id, starts_at, ends_at, day_limit_minor, on_exhaustion, stripes
        from ledger.campaigns
        where programme_id = %(id)s
        """,
        {"id": programme_id},
    )
    return [
        CampaignTerms(
            id=row[0],
            starts_at=row[1],
            ends_at=row[2],
            day_limit=Minor(row[3]) if row[3] is not None else None,
            exhaustion=Exhaustion(row[4]),
            stripes=row[5],
        )
        for row in await cursor.fetchall()
    ]
