"""Steps before the mint request, each taken by a whole batch at once; what another worker holds is its.

Which cashbacks a batch is about is told by a `Wanted`: at most so many, without those that failed alone a while ago.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import State
from cashback.ledger.model.life import Unrequested, Wanted


async def release(tx: Tx, wanted: Wanted, *, actor: str, cause: str) -> list[Unrequested]:
    """Approve what is wanted of what was held until now, by id; the longest overdue of each programme first."""
    cursor = await tx.execute(
        """
        with due as materialized (
            select found.id
            from ledger.programmes as programme
            cross join lateral (
                select id, hold_until
                from ledger.cashback_ledger
                where state = 'pending'
                  and programme_id = programme.id
                  and hold_until <= %(now)s
                  and id <> all(%(besides)b::text[])
                  and (%(among)b::text[] is null or id = any(%(among)b::text[]))
                order by hold_until
                limit %(limit)s
                for update skip locked
            ) as found
            where programme.paused_at is null
            order by found.hold_until
            limit %(limit)s
        ),
        moved as (
            update ledger.cashback_ledger as cashback
            set state = 'approved',
                approved_at = %(now)s
            from due
            where cashback.id = due.id
            returning cashback.id, user_id, purchase_id, currency, payable_minor, payable_units, traceparent
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'pending', 'approved', %(actor)s, %(cause)s, %(now)s
            from moved
        )
        select moved.*, 'pending', 'approved', %(cause)s
        from moved
        order by id
        """,
        {"actor": actor, "cause": cause, **msgspec.structs.asdict(wanted)},
    )
    return [_payable(row) for row in await cursor.fetchall()]


async def lock_unclaimed(tx: Tx, wanted: Wanted, *, cause: str) -> list[Unrequested]:
    """Return approved cashbacks that waited for a wallet for as long as their programme lets them, locked, by id."""
    cursor = await tx.execute(
        """
        with due as materialized (
            select found.*
            from ledger.programmes as programme
            cross join lateral (
                select id, user_id, purchase_id, currency, payable_minor, payable_units, traceparent, grants,
                       payable_minor < amount_minor as is_refunded, approved_at
                from ledger.cashback_ledger
                where state = 'approved'
                  and programme_id = programme.id
                  and id <> all(%(besides)b::text[])
                  and (%(among)b::text[] is null or id = any(%(among)b::text[]))
                  and approved_at <= %(now)s - make_interval(days => programme.expire_after_days)
                  and not exists (
                      select
                      from ledger.recipients
                      where recipients.user_id = cashback_ledger.user_id)
                order by approved_at
                limit %(limit)s
                for update of cashback_ledger skip locked
            ) as found
            where programme.paused_at is null
              and programme.expire_after_days is not null
            limit %(limit)s
        )
        select id, user_id, purchase_id, currency, payable_minor, payable_units, traceparent, 'approved', 'expired',
               %(cause)s, grants, is_refunded
        from due
        order by id
        """,
        {"cause": cause, **msgspec.structs.asdict(wanted)},
    )
    return await _with_refunds(tx, await cursor.fetchall())


async def lock_reviewed(tx: Tx, wanted: Wanted) -> list[Unrequested]:
    """Return cashbacks in review of which as much was said as is needed, with where that leads, locked, by id.

    Everything that waits is looked at, each time: the queue is as long as people let it become.
    """
    cursor = await tx.execute(
        """
        with said as (
            select cashback_id, count(*) filter (where verdict = 'approve') as approvals,
                   bool_or(verdict = 'reject') as is_rejected
            from ledger.reviews
            where cashback_id in (select id from ledger.cashback_ledger where state = 'review')
            group by cashback_id
        )
        select cashback.id
        from ledger.cashback_ledger as cashback
        join said on said.cashback_id = cashback.id
        join ledger.programmes as programme on programme.id = cashback.programme_id
        where state = 'review'
          and programme.paused_at is null
          and cashback.id <> all(%(besides)b::text[])
          and (%(among)b::text[] is null or cashback.id = any(%(among)b::text[]))
          and (is_rejected or approvals >= case when payable_minor > second_above_minor then 2 else 1 end)
        order by position
        limit %(limit)s
        for update of cashback skip locked
        """,
        msgspec.structs.asdict(wanted),
    )
    ids = [row[0] for row in await cursor.fetchall()]
    return await _judged(tx, ids, now=wanted.now) if ids else []


async def move(tx: Tx, cashbacks: Sequence[Unrequested], *, actor: str, at: datetime) -> int:
    """Take the step of each, locked before, and note it; return how many were where they were said to be.

    What ends is worth nothing any more.
    """
    cursor = await tx.execute(
        """
        with moved as (
            update ledger.cashback_ledger as cashback
            set state = given.to_state,
                approved_at = case when given.to_state = 'approved' then %(at)s else approved_at end,
                payable_minor = case when given.to_state in ('voided', 'expired') then 0 else payable_minor end,
                payable_units = case when given.to_state in ('voided', 'expired') then 0 else payable_units end
            from unnest(%(ids)b::text[], %(froms)b::text[], %(tos)b::text[], %(causes)b::text[])
                as given (id, from_state, to_state, cause)
            where cashback.id = given.id
              and cashback.state = given.from_state
            returning cashback.id, given.from_state, given.to_state, given.cause
        ),
        noted as (
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, from_state, to_state, %(actor)s, cause, %(at)s
            from moved
        )
        select count(*)
        from moved
        """,
        {
            "ids": [cashback.id for cashback in cashbacks],
            "froms": [cashback.from_state.value for cashback in cashbacks],
            "tos": [cashback.to_state.value for cashback in cashbacks],
            "causes": [cashback.cause for cashback in cashbacks],
            "actor": actor,
            "at": at,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def _judged(tx: Tx, cashback_ids: Sequence[str], *, now: datetime) -> list[Unrequested]:
    """Return locked cashbacks of which enough was said, with where that leads, by id; one rejection voids.

    Who says something holds the cashback, too: all that counts is told to a statement that begins once it is locked,
    while that which locks it may have begun before the last of it.
    """
    cursor = await tx.execute(
        """
        select cashback.id, user_id, purchase_id, currency, payable_minor, payable_units, traceparent, 'review',
               case when is_rejected then 'voided'
                    when hold_until > %(now)s then 'pending'
                    else 'approved' end,
               case when is_rejected then 'review_rejected' else 'review_approved' end, grants,
               payable_minor < amount_minor
        from ledger.cashback_ledger as cashback
        cross join lateral (
            select bool_or(verdict = 'reject') as is_rejected
            from ledger.reviews
            where cashback_id = cashback.id
        ) as said
        where cashback.id = any(%(ids)b::text[])
        order by cashback.id
        """,
        {"ids": list(cashback_ids), "now": now},
    )
    return await _with_refunds(tx, await cursor.fetchall())


async def _with_refunds(tx: Tx, rows: Sequence[tuple[Any, ...]]) -> list[Unrequested]:
    """Return rows that end with grants and whether any were refunded as cashbacks, with what was."""
    refunded = await _refunds(tx, [row[0] for row in rows if row[11]])
    return [_payable(row, grants=row[10], refunded=refunded.get(row[0], ())) for row in rows]


async def _refunds(tx: Tx, cashback_ids: Sequence[str]) -> dict[str, tuple[tuple[str, Minor], ...]]:
    """Return what refunds and debits gave back to whoever had paid."""
    if not cashback_ids:
        return {}
    cursor = await tx.execute(
        """
        select cashback_id, owner, sum(amount)
        from ledger.transfers as transfer
        join ledger.accounts as account on account.id = transfer.credit_account
        where cashback_id = any(%(ids)b::text[])
          and cause = 'refund'
          and kind in ('budget', 'funding')
        group by cashback_id, owner
        order by cashback_id, owner
        """,
        {"ids": list(cashback_ids)},
    )
    found: dict[str, tuple[tuple[str, Minor], ...]] = {}
    for cashback_id, campaign_id, amount in await cursor.fetchall():
        found[cashback_id] = (*found.get(cashback_id, ()), (campaign_id, Minor(int(amount))))
    return found


def _payable(
    row: tuple[Any, ...], *, grants: bytes | None = None, refunded: tuple[tuple[str, Minor], ...] = ()
) -> Unrequested:
    """Return a row that begins with a cashback and its step."""
    return Unrequested(
        id=row[0],
        user_id=row[1],
        purchase_id=row[2],
        currency=row[3],
        amount=Minor(row[4]),
        token_units=TokenUnits(row[5]),
        traceparent=row[6],
        from_state=State(row[7]),
        to_state=State(row[8]),
        cause=row[9],
        grants=grants,
        refunded=refunded,
    )
