"""What moved in one user's accounts, and what they held at an instant.

Everything of one user is read, by the indexes of both sides of a transfer; a user's history is short beside the books.
"""

from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model.statements import Basis, Movement, Totals

# `balance` runs in the order in which things were written down, per currency; positions tell apart what has one time.
_MOVEMENTS: Final = """
    with mine as materialized (
        select id, kind
        from ledger.accounts
        where owner = %(user)s
    ),
    movement as (
        select transfer.position, at, effective_at, cause, cashback_id, transfer.currency, amount,
               debit.kind as from_kind, credit.kind as to_kind,
               case when debit.id is null then amount when credit.id is null then -amount else 0 end as change
        from (
            select position
            from mine
            join ledger.transfers on debit_account = mine.id
            union
            select position
            from mine
            join ledger.transfers on credit_account = mine.id
        ) as touching
        join ledger.transfers as transfer using (position)
        left join mine as debit on debit.id = debit_account
        left join mine as credit on credit.id = credit_account
    )
"""
_INSTANT: Final[dict[Basis, str]] = {"known": "at", "effective": "coalesce(effective_at, at)"}


async def totals(tx: Tx, user_id: str, *, since: datetime, until: datetime) -> list[Totals]:
    """Return each currency's balance before and at the end of a period, in the order of their codes."""
    cursor = await tx.execute(
        f"""
        {_MOVEMENTS}
        select currency,
               coalesce(sum(change) filter (where at < %(since)s), 0)::bigint,
               coalesce(sum(change) filter (where at < %(until)s), 0)::bigint,
               count(*) filter (where at >= %(since)s and at < %(until)s),
               min(at)
        from movement
        group by currency
        order by currency
        """,
        {"user": user_id, "since": since, "until": until},
    )
    return [Totals(*row) for row in await cursor.fetchall()]


async def movements(
    tx: Tx, user_id: str, *, since: datetime, until: datetime, after: tuple[datetime, int] | None, limit: int
) -> list[Movement]:
    """Return what moved in a period behind a place, in the order of recording, with the running balance.

    A transfer does not name its adjustment. A credit is the one accrual of its cashback; a debit has written down its
    transfers at its own instant, under the cashback's lock, so that a refund has another one.
    """
    cursor = await tx.execute(
        f"""
        {_MOVEMENTS}
        select position, at, effective_at, cause, cashback_id, currency, amount, change, balance::bigint, from_kind,
               to_kind, by_hand.reason
        from (
            select *, sum(change) over (partition by currency order by at, position) as balance
            from movement
            where at < %(until)s
        ) as running
        left join lateral (
            select reason
            from ledger.adjustments as adjustment
            where adjustment.cashback_id = running.cashback_id
              and case kind
                      when 'credit' then cause = 'accrual'
                      else cause in ('refund', 'void', 'debt') and adjustment.at = running.at
                  end
            limit 1
        ) as by_hand on true
        where at >= %(since)s
          and (at, position) > (%(after_at)s, %(after_position)s)
        order by at, position
        limit %(limit)s
        """,
        {
            "user": user_id,
            "since": since,
            "until": until,
            "after_at": after[0] if after else since,
            "after_position": after[1] if after else 0,
            "limit": limit,
        },
    )
    return [
        Movement(
            position=row[0],
            at=row[1],
            effective_at=row[2],
            cause=row[3],
            cashback_id=row[4],
            currency=row[5],
            amount=row[6],
            change=row[7],
            balance=row[8],
            from_kind=row[9],
            to_kind=row[10],
            adjusted_because=row[11],
        )
        for row in await cursor.fetchall()
    ]


async def holdings(tx: Tx, user_id: str, *, at: datetime, basis: Basis) -> list[tuple[str, str, int, datetime]]:
    """Return currency, kind and balance of each of a user's accounts at an instant, and when it first moved.

    By the time of `basis`, and by no other; an account that nothing had reached by then is there, with 0.
    """
    cursor = await tx.execute(
        f"""
        with mine as materialized (
            select id, kind, currency
            from ledger.accounts
            where owner = %(user)s
        ),
        entry as (
            select mine.kind, mine.currency, -amount as amount, {_INSTANT[basis]} as instant
            from mine
            join ledger.transfers on debit_account = mine.id
            union all
            select mine.kind, mine.currency, amount, {_INSTANT[basis]}
            from mine
            join ledger.transfers on credit_account = mine.id
        )
        select currency, kind, coalesce(sum(amount) filter (where instant <= %(at)s), 0)::bigint, min(instant)
        from entry
        group by currency, kind
        order by currency, kind
        """,
        {"user": user_id, "at": at},
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]
