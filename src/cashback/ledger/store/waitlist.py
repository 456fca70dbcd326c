"""The lines in which cashbacks stand for the budgets of campaigns; what a refund holds at the moment is passed over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.ledger.model import Accrual
from cashback.ledger.model.life import Wanted
from cashback.ledger.model.waitlist import Entry, Waiting

_STANDS: Final = """
    select campaign.id, campaign.programme_id,
           least(campaign.ends_at, campaign.closed_at, programme.ended_at) <= %(now)s as is_over,
           (
               select coalesce(sum(balance), 0)
               from ledger.accounts
               where owner = campaign.id
                 and kind = 'budget'
           ) as budget
    from ledger.campaigns as campaign
    join ledger.programmes as programme on programme.id = campaign.programme_id
    where on_exhaustion = 'waitlist'
      and paused_at is null
"""
"""Campaigns that let purchases wait, with what they can pay; a paused programme is left alone."""


async def insert(tx: Tx, entries: Sequence[Entry]) -> None:
    """Put cashbacks in line, in the order given."""
    await tx.execute(
        """
        insert into ledger.waitlist (cashback_id, campaign_id, wanted_minor, waits_until)
        select cashback_id, campaign_id, wanted, waits_until
        from unnest(%(ids)b::text[], %(campaigns)b::text[], %(wanted)b::bigint[], %(untils)b::timestamptz[])
            with ordinality as given (cashback_id, campaign_id, wanted, waits_until, place)
        order by place
        """,
        _columns(entries),
    )


async def note_returns(tx: Tx, cashback_ids: Sequence[str]) -> None:
    """Have those in line be looked at again, since something of their purchases was returned."""
    await tx.execute(
        """
        update ledger.waitlist
        set has_returns = true
        where cashback_id = any(%(ids)b::text[])
        """,
        {"ids": list(cashback_ids)},
    )


async def lines_due(tx: Tx, *, now: datetime, after: str, limit: int) -> list[tuple[str, str]]:
    """Return campaigns, each with its programme, in whose line somebody can be decided again, by id.

    They are the first `limit` behind the campaign `after`, "" for the first of all.

    Each line is asked by its first entries alone, so that one that waits in vain costs the same however long it is.
    """
    cursor = await tx.execute(
        f"""
        select stands.id, stands.programme_id
        from ({_STANDS}) as stands
        cross join lateral (
            select (
                       select wanted_minor
                       from ledger.waitlist
                       where campaign_id = stands.id
                       order by wanted_minor
                       limit 1
                   ) as least_wanted,
                   (
                       select waits_until
                       from ledger.waitlist
                       where campaign_id = stands.id
                       order by waits_until
                       limit 1
                   ) as first_until,
                   (
                       select true
                       from ledger.waitlist
                       where campaign_id = stands.id
                         and has_returns
                       limit 1
                   ) as has_returns
        ) as line
        where least_wanted is not null
          and stands.id > %(after)s
          and (is_over or least_wanted <= budget or first_until <= %(now)s or has_returns)
        order by stands.id
        limit %(limit)s
        """,
        {"now": now, "after": after, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def lock_line(tx: Tx, campaign_id: str) -> bool:
    """Tell whether this line is ours until `tx` ends; false while another worker has it."""
    cursor = await tx.execute(
        """
        select pg_try_advisory_xact_lock(hashtextextended('ledger.waitlist:' || %(campaign)s::text, 0))
        """,
        {"campaign": campaign_id},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def take(tx: Tx, campaign_id: str, wanted: Wanted) -> list[Waiting]:
    """Return those in a line who can be decided again, first come first, their cashbacks locked.

    Whoever wants more than there is keeps their place, and is passed over by those behind.
    """
    cursor = await tx.execute(
        f"""
        select cashback.id, purchase_id, user_id, cashback.currency, traceparent, document, returned,
               coalesce(is_over, false) or waits_until <= %(now)s or wanted_minor <= budget, waits_until <= %(now)s
        from ({_STANDS} and campaign.id = %(campaign)s) as stands
        join ledger.waitlist as line on line.campaign_id = stands.id
        join ledger.cashback_ledger as cashback on cashback.id = line.cashback_id
        join ledger.decisions as decision on decision.cashback_id = cashback.id
        where state = 'waitlisted'
          and (is_over or waits_until <= %(now)s or wanted_minor <= budget or has_returns)
          and cashback.id <> all(%(besides)b::text[])
          and (%(among)b::text[] is null or cashback.id = any(%(among)b::text[]))
        order by line.position
        limit %(limit)s
        for update of cashback skip locked
        """,
        {"campaign": campaign_id, **msgspec.structs.asdict(wanted)},
    )
    return [
        Waiting(
            cashback_id=row[0],
            purchase_id=row[1],
            user_id=row[2],
            currency=row[3],
            traceparent=row[4],
            document=bytes(row[5]),
            returned=row[6],
            is_due=row[7],
            is_aged=row[8],
        )
        for row in await cursor.fetchall()
    ]


async def keep(tx: Tx, entries: Sequence[Entry]) -> None:
    """Have those who go on waiting do so for what is said now, in their places and as long as before."""
    await tx.execute(
        """
        update ledger.waitlist as line
        set campaign_id = given.campaign_id,
            wanted_minor = given.wanted,
            has_returns = false
        from unnest(%(ids)b::text[], %(campaigns)b::text[], %(wanted)b::bigint[])
            as given (cashback_id, campaign_id, wanted)
        where line.cashback_id = given.cashback_id
        """,
        _columns(entries),
    )


async def seen(tx: Tx, cashback_ids: Sequence[str]) -> None:
    """Have the refunds of those who go on waiting be known."""
    await tx.execute(
        """
        update ledger.waitlist
        set has_returns = false
        where cashback_id = any(%(ids)b::text[])
        """,
        {"ids": list(cashback_ids)},
    )


async def decline(tx: Tx, cashback_ids: Sequence[str], *, actor: str, cause: str, at: datetime) -> int:
    """End the waiting of locked cashbacks with nothing, not deciding them again; return how many there were."""
    cursor = await tx.execute(
        """
        with gone as (
            delete from ledger.waitlist
            where cashback_id = any(%(ids)b::text[])
        ),
        ended as (
            update ledger.cashback_ledger
            set state = 'declined'
            where id = any(%(ids)b::text[])
              and state = 'waitlisted'
            returning id
        )
        insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
        select id, 'waitlisted', 'declined', %(actor)s, %(cause)s, %(at)s
        from ended
        """,
        {"ids": list(cashback_ids), "actor": actor, "cause": cause, "at": at},
    )
    return cursor.rowcount


async def decide(tx: Tx, accruals: Sequence[Accrual], causes: Sequence[str], *, actor: str, at: datetime) -> int:
    """Store the second decisions of locked cashbacks and what they come to; return how many were waitlisted."""
    cursor = await tx.execute(
        """
        with given as (
            select *
            from unnest(
                %(ids)b::text[], %(desired)b::bigint[], %(amounts)b::bigint[], %(tokens)b::bigint[], %(states)b::text[],
                %(reasons)b::text[], %(documents)b::bytea[], %(grants)b::bytea[], %(holds)b::timestamptz[],
                %(causes)b::text[]
            ) as given (
                id, desired_minor, amount_minor, token_units, state, reason, document, grants, hold_until, cause)
        ),
        moved as (
            update ledger.cashback_ledger as cashback
            set state = given.state,
                reason = given.reason,
                desired_minor = given.desired_minor,
                amount_minor = given.amount_minor,
                token_units = given.token_units,
                net_minor = given.amount_minor,
                payable_minor = given.amount_minor,
                payable_units = given.token_units,
                grants = given.grants,
                hold_until = given.hold_until,
                approved_at = case when given.state = 'approved' then %(at)s end
            from given
            where cashback.id = given.id
              and cashback.state = 'waitlisted'
            returning cashback.id, given.state, given.cause, given.document
        ),
        gone as (
            delete from ledger.waitlist
            where cashback_id in (select id from moved)
        ),
        decided as (
            insert into ledger.decisions (cashback_id, sequence, document)
            select id, 2, document
            from moved
        )
        insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
        select id, 'waitlisted', state, %(actor)s, cause, %(at)s
        from moved
        """,
        {
            "ids": [accrual.cashback_id for accrual in accruals],
            "desired": [accrual.judgement.verdict.desired for accrual in accruals],
            "amounts": [accrual.amount for accrual in accruals],
            "tokens": [accrual.token_units for accrual in accruals],
            "states": [accrual.state.value for accrual in accruals],
            "reasons": [accrual.reason.value for accrual in accruals],
            "documents": [accrual.document for accrual in accruals],
            "grants": [accrual.grants for accrual in accruals],
            "holds": [accrual.hold_until for accrual in accruals],
            "causes": list(causes),
            "actor": actor,
            "at": at,
        },
    )
    return cursor.rowcount


def _columns(entries: Sequence[Entry]) -> dict[str, list[object]]:
    """Return entries as arrays."""
    return {
        "ids": [entry.cashback_id for entry in entries],
        "campaigns": [entry.campaign_id for entry in entries],
        "wanted": [entry.wanted for entry in entries],
        "untils": [entry.waits_until for entry in entries],
    }
