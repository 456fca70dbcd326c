"""What one user held before a place of their history, what moved there, and what they held at an instant.

What an account held is the balance after its last entry before what is near the place (`store.places`), and what moved
between there and the place: of a history only that is read. `holdings` reads all of it: `effective_at` has no order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model.statements import Basis, Held, Movement
from cashback.ledger.store.places import MINE, TOUCHING, Place, around

_CHANGE: Final = "case when debit.id is null then amount when credit.id is null then -amount else 0 end"
_NEAR: Final = f"""
    near as materialized (
        select touching.currency, {_CHANGE} as change
        from touching
        left join mine as debit on debit.id = debit_account
        left join mine as credit on credit.id = credit_account
        where (at, position) < (%(at)s, %(position)s)
    ),
    later as materialized (
        select mine.currency
        from mine
        cross join lateral (
            (
                select
                from ledger.transfers
                where (debit_account, position) >= (mine.id, %(low)s)
                  and (debit_account, position) < (mine.id + 1, 0)
                order by debit_account, position
                limit 1
            )
            union all
            (
                select
                from ledger.transfers
                where (credit_account, position) >= (mine.id, %(low)s)
                  and (credit_account, position) < (mine.id + 1, 0)
                order by credit_account, position
                limit 1
            )
        ) as any_more
    )
"""
"""What moved between `low` and the place, and in what something moved from `low` on."""

_LAST: Final = """
    select position, balance_after
    from (
        (
            select position, debit_balance_after as balance_after
            from ledger.transfers
            where (debit_account, position) >= (mine.id, 0)
              and (debit_account, position) < (mine.id, %(low)s)
            order by debit_account desc, position desc
            limit 1
        )
        union all
        (
            select position, credit_balance_after
            from ledger.transfers
            where (credit_account, position) >= (mine.id, 0)
              and (credit_account, position) < (mine.id, %(low)s)
            order by credit_account desc, position desc
            limit 1
        )
    ) as either
    order by position desc
    limit 1
"""
"""The last entry of an account before `low`."""

_INSTANT: Final[dict[Basis, str]] = {"known": "at", "effective": "coalesce(effective_at, at)"}


async def see_one_moment(tx: Tx) -> None:
    """Have all statements of `tx` see what its first one sees; it is to be the first thing that `tx` does."""
    await tx.execute("set transaction isolation level repeatable read, read only")


async def held(tx: Tx, user_id: str, place: Place) -> dict[str, Held]:
    """Return what a user held before a place in each currency that anything ever moved in, in the order of codes."""
    low, high = await around(tx, place[0], place[0])
    cursor = await tx.execute(
        f"""
        with {TOUCHING},
        {_NEAR}
        select currency, sum(balance_after)::bigint, bool_or(has_moved)
        from (
            select mine.currency, coalesce(last.balance_after, 0) as balance_after,
                   last.position is not null as has_moved
            from mine
            left join lateral (
                {_LAST}
            ) as last on true
            union all
            select currency, change, true
            from near
        ) as moved
        where has_moved
           or currency in (select currency from later)
        group by currency
        order by currency
        """,
        {"user": user_id, "at": place[0], "position": place[1], "low": low, "high": high},
    )
    return {row[0]: Held(balance=row[1], has_moved=row[2]) for row in await cursor.fetchall()}


async def movements(tx: Tx, user_id: str, positions: Sequence[int], *, balances: Mapping[str, int]) -> list[Movement]:
    """Return what moved at some positions, in the order of recording, with each currency's balance from those given on.

    A credit by hand is the one accrual of its cashback; what a debit by hand moved names it.
    """
    cursor = await tx.execute(
        f"""
        with {MINE}
        select position, at, effective_at, cause, cashback_id, transfer.currency, amount, {_CHANGE}, debit.kind,
               credit.kind, by_hand.reason, origin, transfer.xact::text::bigint
        from ledger.transfers as transfer
        left join mine as debit on debit.id = debit_account
        left join mine as credit on credit.id = credit_account
        left join lateral (
            select reason
            from ledger.adjustments as adjustment
            where adjustment.cashback_id = transfer.cashback_id
              and case adjustment.kind when 'credit' then cause = 'accrual' else adjustment.id = origin end
            limit 1
        ) as by_hand on true
        where position = any(%(positions)b::bigint[])
        order by at, position
        """,
        {"user": user_id, "positions": list(positions)},
    )
    running = dict(balances)
    found = []
    for row in await cursor.fetchall():
        running[row[5]] = running.get(row[5], 0) + row[7]
        found.append(
            Movement(
                position=row[0],
                at=row[1],
                effective_at=row[2],
                cause=row[3],
                cashback_id=row[4],
                currency=row[5],
                amount=row[6],
                change=row[7],
                balance=running[row[5]],
                from_kind=row[8],
                to_kind=row[9],
                adjusted_because=row[10],
                origin=row[11],
                xact=row[12],
            )
        )
    return found


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
