"""What bounds the largest grant: rules in force and still to come, and what campaigns can pay."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Currency, Minor, TokenRate
from cashback.ledger.model.rulesets import Rules


class Ruled(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the rules of a programme in force, with the programme's money."""

    programme_id: str
    programme: str
    currency: Currency
    token_rate: TokenRate
    version: int
    rules: Rules


async def versions(
    tx: Tx, *, at: datetime, programme_id: str | None, after: tuple[str, int], limit: int
) -> list[Ruled]:
    """Return the versions in force at an instant or later of the programmes that have not ended, by programme.

    They are the first `limit` behind a programme's version, `("", 0)` for the first of all; of one programme if told.
    """
    cursor = await tx.execute(
        """
        select programme.id, programme.name, programme.currency, exponent, token_rate_numerator,
               token_rate_denominator, version, document
        from ledger.programmes as programme
        join ledger.rulesets as ruleset on ruleset.programme_id = programme.id
        where programme.ended_at is null
          and (ruleset.ends_at is null or ruleset.ends_at > %(at)s)
          and not exists (select from ledger.ruleset_withdrawals where ruleset_id = ruleset.id)
          and (%(only)s::text is null or programme.id = %(only)s)
          and (programme.id, version) > (%(programme)s, %(version)s)
        order by programme.id, version
        limit %(limit)s
        """,
        {"at": at, "only": programme_id, "programme": after[0], "version": after[1], "limit": limit},
    )
    return [
        Ruled(
            programme_id=row[0],
            programme=row[1],
            currency=Currency(code=row[2], exponent=row[3]),
            token_rate=TokenRate(row[4], row[5]),
            version=row[6],
            rules=msgspec.json.decode(row[7], type=Rules),
        )
        for row in await cursor.fetchall()
    ]


async def payable(tx: Tx, programme_ids: Sequence[str]) -> dict[str, dict[str, Minor]]:
    """Return by programme the most that each open campaign pays for one purchase: its budget, or what it pays a day."""
    cursor = await tx.execute(
        """
        select campaign.programme_id, campaign.id, least(sum(account.balance), campaign.day_limit_minor)
        from ledger.campaigns as campaign
        join ledger.accounts as account on account.owner = campaign.id and account.kind = 'budget'
        where campaign.programme_id = any(%(ids)b::text[])
          and campaign.closed_at is null
        group by campaign.id
        """,
        {"ids": list(programme_ids)},
    )
    found: dict[str, dict[str, Minor]] = {}
    for programme_id, campaign_id, amount in await cursor.fetchall():
        found.setdefault(programme_id, {})[campaign_id] = Minor(int(amount))
    return found


async def unrequested_above(tx: Tx, units: int, *, limit: int) -> list[tuple[str, int]]:
    """Return at most `limit` cashbacks still to be requested that are worth more than `units`, by id, with their worth.

    All that is not requested yet is read: it is asked by hand alone.
    """
    cursor = await tx.execute(
        """
        select id, payable_units
        from (
            select id, payable_units
            from ledger.cashback_ledger
            where state = 'review'
            union all
            select id, payable_units
            from ledger.cashback_ledger
            where state = 'pending'
            union all
            select id, payable_units
            from ledger.cashback_ledger
            where state = 'approved'
        ) as unrequested
        where payable_units > %(units)s
        order by id
        limit %(limit)s
        """,
        {"units": units, "limit": limit},
    )
    return [(row[0], int(row[1])) for row in await cursor.fetchall()]
