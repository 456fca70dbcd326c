"""What decides purchases now: programmes in force with their rulesets and campaigns, and the rates of exchange."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor, TokenRate
from cashback.ledger.model import Conversion
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.engine import Exchange, Published
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.model.terms import CampaignTerms, RulesetVersion, Takers, Taking, Terms


async def in_force(
    tx: Tx, currencies: Sequence[str], *, earliest: datetime, latest: datetime, programme_id: str | None = None
) -> Takers:
    """Return by currency the programmes that take what occurs in a stretch of time, with their rulesets then.

    The first programme of a currency takes what occurred before it started as well; one that ended as it began never
    took anything. What was withdrawn decides nothing. Where a programme is named it is that one, at any time.

    What is asked for is hidden from the planner, which would plan anew for each batch, and for longer than this takes.
    """
    cursor = await tx.execute(
        """
        with asked as materialized (
            select %(currencies)b::text[] as currencies, %(programme)s::text as programme_id,
                   %(earliest)s::timestamptz as earliest, %(latest)s::timestamptz as latest
        )
        select accepted.currencies, programme.id, programme.currency, exponent, token_rate_numerator,
               token_rate_denominator, programme.created_at, time_zone, hold_days, review_above_minor,
               paused_at is not null, ruleset.id, version, ruleset.starts_at, ruleset.ends_at,
               accepted.starts, accepted.ends,
               (
                   select json_agg(json_build_object(
                       'id', campaign.id, 'starts_at', campaign.starts_at, 'ends_at', campaign.ends_at,
                       'day_limit', day_limit_minor, 'exhaustion', on_exhaustion, 'stripes', stripes,
                       'closed_at', least(closed_at, ended_at)))::text
                   from ledger.campaigns as campaign
                   where campaign.programme_id = programme.id
               )
        from asked
        cross join lateral (
            select taken.programme_id,
                   array_agg(currency order by currency) as currencies,
                   array_agg(case when not reaches_back then starts_at end order by currency) as starts,
                   array_agg(ends_at order by currency) as ends
            from ledger.programme_currencies as taken
            cross join lateral (
                select not exists (
                    select
                    from ledger.programme_currencies as before
                    where before.currency = taken.currency
                      and before.starts_at < taken.starts_at
                      and before.ends_at > before.starts_at) as reaches_back
            ) as place
            where currency = any(asked.currencies)
              and case when asked.programme_id is not null then taken.programme_id = asked.programme_id
                  else (ends_at is null or (ends_at > earliest and ends_at > starts_at))
                   and (starts_at <= latest or reaches_back) end
            group by taken.programme_id
        ) as accepted
        join ledger.programmes as programme on programme.id = accepted.programme_id
        left join ledger.rulesets as ruleset
          on ruleset.programme_id = programme.id
         and ruleset.starts_at <= latest
         and (ruleset.ends_at is null or ruleset.ends_at > earliest)
         and not exists (select from ledger.ruleset_withdrawals where ruleset_id = ruleset.id)
        order by programme.id, version desc
        """,
        {"currencies": list(currencies), "earliest": earliest, "latest": latest, "programme": programme_id},
    )
    return _takers(await cursor.fetchall(), is_named=programme_id is not None)


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
    tx: Tx, wanted: Sequence[tuple[Currency, Currency, datetime]]
) -> dict[tuple[str, str, datetime], Exchange]:
    """Return for each base, quote and instant the rate that held then; those without one are left out."""
    cursor = await tx.execute(
        """
        select wanted.place, rate.numerator, rate.denominator, rate.source, rate.as_of
        from unnest(%(bases)b::text[], %(quotes)b::text[], %(ats)b::timestamptz[])
            with ordinality as wanted (base, quote, at, place)
        cross join lateral (
            select numerator, denominator, source, as_of
            from ledger.exchange_rates
            where base = wanted.base
              and quote = wanted.quote
              and as_of <= wanted.at
            order by as_of desc
            limit 1
        ) as rate
        """,
        {
            "bases": [base.code for base, _, _ in wanted],
            "quotes": [quote.code for _, quote, _ in wanted],
            "ats": [at for _, _, at in wanted],
        },
    )
    found = {}
    for place, numerator, denominator, source, as_of in await cursor.fetchall():
        base, quote, at = wanted[place - 1]
        found[base.code, quote.code, at] = Exchange(
            base=base, quote=quote, numerator=numerator, denominator=denominator, source=source, as_of=as_of
        )
    return found


async def campaigns(tx: Tx, programme_ids: Sequence[str]) -> dict[str, dict[str, CampaignTerms]]:
    """Return all campaigns of some programmes, by programme and id."""
    cursor = await tx.execute(
        """
        select programme_id, campaign.id, starts_at, ends_at, day_limit_minor, on_exhaustion, stripes,
               least(closed_at, ended_at)
        from ledger.campaigns as campaign
        join ledger.programmes as programme on programme.id = programme_id
        where programme_id = any(%(ids)b::text[])
        """,
        {"ids": list(programme_ids)},
    )
    found: dict[str, dict[str, CampaignTerms]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row[0], {})[row[1]] = CampaignTerms(
            id=row[1],
            starts_at=row[2],
            ends_at=row[3],
            day_limit=Minor(row[4]) if row[4] is not None else None,
            exhaustion=Exhaustion(row[5]),
            stripes=row[6],
            closed_at=row[7],
        )
    return found


async def budgets(tx: Tx, campaign_ids: Sequence[str]) -> dict[str, Minor]:
    """Return what the budgets of some campaigns hold, all stripes of each; nothing is locked."""
    cursor = await tx.execute(
        """
        select owner, sum(balance)
        from ledger.accounts
        where owner = any(%(ids)b::text[])
          and kind = 'budget'
        group by owner
        """,
        {"ids": list(campaign_ids)},
    )
    return {row[0]: Minor(int(row[1])) for row in await cursor.fetchall()}


def _takers(found: Sequence[tuple[Any, ...]], *, is_named: bool) -> Takers:
    """Return programmes by currency, of a row for each of their rulesets; one that is named takes it at any time."""
    programmes: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        programmes.setdefault(row[1], []).append(row)
    takers: dict[str, list[Taking]] = {}
    for rows in programmes.values():
        terms = _terms(rows)
        for currency, starts_at, ends_at in zip(rows[0][0], rows[0][15], rows[0][16], strict=True):
            taking = Taking(
                starts_at=None if is_named else starts_at, ends_at=None if is_named else ends_at, terms=terms
            )
            takers.setdefault(currency, []).append(taking)
    return Takers(takers)


def _terms(rows: Sequence[tuple[Any, ...]]) -> Terms:
    """Return one programme's terms, of a row for each of its rulesets, the newest first."""
    first = rows[0]
    campaigns = msgspec.json.decode(first[17] or "[]", type=list[CampaignTerms])
    return Terms(
        programme_id=first[1],
        funding=Currency(code=first[2], exponent=first[3]),
        conversion=Conversion(rate=TokenRate(first[4], first[5]), source=first[1], as_of=first[6]),
        time_zone=first[7],
        hold=timedelta(days=first[8]),
        review_above=Minor(first[9]) if first[9] is not None else None,
        is_paused=first[10],
        versions=tuple(
            RulesetVersion(id=row[11], version=row[12], starts_at=row[13], ends_at=row[14])
            for row in rows
            if row[11] is not None
        ),
        campaigns={campaign.id: campaign for campaign in campaigns},
    )
