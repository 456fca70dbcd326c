"""What users owe in tokens, read from the books: what raised it, what was kept back, what was given up.

What is paid is always the oldest, so what is open are the youngest debts that add up to it; those that were given up in
the transaction that raised them, as their programme's policy has it, were never open.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.kernel.money import TokenUnits
from cashback.ledger.model import DebtFigures, OpenDebt, WriteOff

GIVEN_UP: Final = """
    select
    from (
        select position, amount, cause, xact
        from ledger.transfers
        where (credit_account, position) > ({debt}.debit_account, {debt}.position)
          and (credit_account, position) < ({debt}.debit_account + 1, 0)
        order by credit_account, position
        limit 1
    ) as given_up
    where (given_up.cause, given_up.amount, given_up.xact) = ('write_off', {debt}.amount, {debt}.xact)
      and not exists (
          select
          from ledger.transfers as between_them
          where between_them.debit_account = {debt}.debit_account
            and between_them.position > {debt}.position
            and between_them.position < given_up.position)
"""
"""The transfer that gave up the debt `debt` at once: what moved next for its user, in the same transaction."""

_OPEN: Final = f"""
    select user_id, programme_id, least(amount, owed - (through - amount)) as units, at, position
    from (
        select debt.owner as user_id, clawback.owner as programme_id, -debt.balance as owed, transfer.amount,
               transfer.at, transfer.position,
               sum(transfer.amount) over (partition by debt.id order by transfer.position desc) as through
        from ledger.accounts as debt
        join ledger.transfers as transfer on transfer.debit_account = debt.id
        join ledger.accounts as clawback on clawback.id = transfer.credit_account
        where debt.kind = 'debt'
          and debt.balance < 0
          and transfer.cause = 'debt'
          and not exists ({GIVEN_UP.format(debt="transfer")})
          and (%(users)b::text[] is null or debt.owner = any(%(users)b::text[]))
    ) as raised
    where through - amount < owed
"""


async def owing(tx: Tx, user_ids: Sequence[str]) -> list[str]:
    """Return which of those users owe something."""
    cursor = await tx.execute(
        """
        select owner
        from ledger.accounts
        where owner = any(%(users)b::text[])
          and kind = 'debt'
          and balance < 0
        """,
        {"users": list(user_ids)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def owing_after(tx: Tx, account: int, *, limit: int) -> list[tuple[int, str]]:
    """Return the users in debt from the account after that number on, each with the number of the account."""
    cursor = await tx.execute(
        """
        select id, owner
        from ledger.accounts
        where kind = 'debt'
          and balance < 0
          and id > %(after)s
        order by id
        limit %(limit)s
        """,
        {"after": account, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def open_debts(tx: Tx, user_ids: Sequence[str], *, limit: int | None = None) -> list[OpenDebt]:
    """Return what those users owe, each part with when and under which programme it was raised, the oldest first.

    At most `limit` parts of all of them together; None: every part.
    """
    cursor = await tx.execute(
        f"""
        select user_id, programme_id, units, at
        from ({_OPEN}) as debt
        order by user_id, position
        limit %(limit)s
        """,
        {"users": list(user_ids), "limit": limit},
    )
    return [
        OpenDebt(user_id=row[0], programme_id=row[1], token_units=TokenUnits(int(row[2])), raised_at=row[3])
        for row in await cursor.fetchall()
    ]


async def limits(tx: Tx) -> dict[str, int | None]:
    """Return of each programme under which debt was raised after how many days it is given up; None: never."""
    cursor = await tx.execute(
        """
        select id, write_off_after_days
        from ledger.programmes
        where exists (
            select
            from ledger.accounts
            where owner = programmes.id
              and kind = 'clawback')
        """
    )
    return dict(await cursor.fetchall())


async def figures_of_user(tx: Tx, user_id: str) -> DebtFigures:
    """Return what a user was asked back and what became of it; all 0 for whoever never was."""
    cursor = await tx.execute(
        """
        select coalesce(sum(-amount) filter (where cause = 'debt'), 0),
               coalesce(sum(amount) filter (where cause = 'netting'), 0),
               coalesce(sum(amount) filter (where cause = 'write_off'), 0),
               coalesce(-sum(amount), 0)
        from ledger.entries
        where account_id = (
            select id
            from ledger.accounts
            where owner = %(user)s
              and kind = 'debt')
        """,
        {"user": user_id},
    )
    row = await cursor.fetchone()
    return _figures((user_id, *(row or (0, 0, 0, 0))))


async def figures_of_programmes(tx: Tx, *, before: str | None, limit: int) -> list[DebtFigures]:
    """Return what the users of programmes were asked back and what became of it, the newest programme first.

    At most `limit` programmes with an id before that one, None: the newest; none under which nobody was asked.
    """
    cursor = await tx.execute(
        f"""
        with still as materialized (
            select programme_id, sum(units) as owed
            from ({_OPEN}) as debt
            group by programme_id
        )
        select programme.id, clawback.balance, clawback.balance - written - coalesce(owed, 0), written,
               coalesce(owed, 0)
        from ledger.programmes as programme
        join ledger.accounts as clawback on clawback.owner = programme.id and clawback.kind = 'clawback'
        cross join lateral (
            select coalesce((
                select -balance
                from ledger.accounts
                where owner = programme.id
                  and kind = 'written_off'), 0) as written
        ) as given_up
        left join still on still.programme_id = programme.id
        where %(before)s::text is null or programme.id < %(before)s
        order by programme.id desc
        limit %(limit)s
        """,
        {"users": None, "before": before, "limit": limit},
    )
    return [_figures(row) for row in await cursor.fetchall()]


async def page(tx: Tx, *, after_user: str, limit: int) -> list[tuple[str, TokenUnits, datetime]]:
    """Return users in debt after that one, in order of their ids: what each owes, and since when."""
    cursor = await tx.execute(
        f"""
        with since as materialized (
            select user_id, min(at) as at
            from ({_OPEN}) as debt
            group by user_id
        )
        select owner, -balance, since.at
        from ledger.accounts
        left join since on since.user_id = owner
        where kind = 'debt'
          and balance < 0
          and owner = any(%(users)b::text[])
        order by owner
        """,
        {"users": await _users_in_debt(tx, after_user=after_user, limit=limit)},
    )
    return [(row[0], TokenUnits(row[1]), row[2]) for row in await cursor.fetchall()]


async def write_offs(tx: Tx, user_id: str, *, numbers_below: int, limit: int) -> list[tuple[int, WriteOff, datetime]]:
    """Return (number, what was given up, when) of a user below a number, the last first."""
    cursor = await tx.execute(
        """
        select position, programme_id, token_units, person, reason, at
        from ledger.write_offs
        where user_id = %(user)s
          and position < %(below)s
        order by position desc
        limit %(limit)s
        """,
        {"user": user_id, "below": numbers_below, "limit": limit},
    )
    return [
        (
            row[0],
            WriteOff(
                user_id=user_id, programme_id=row[1], token_units=TokenUnits(row[2]), person=row[3], reason=row[4]
            ),
            row[5],
        )
        for row in await cursor.fetchall()
    ]


async def _users_in_debt(tx: Tx, *, after_user: str, limit: int) -> list[str]:
    """Return the ids of users in debt after that one, in their order."""
    cursor = await tx.execute(
        """
        select owner
        from ledger.accounts
        where kind = 'debt'
          and balance < 0
          and owner > %(after)s
        order by owner
        limit %(limit)s
        """,
        {"after": after_user, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


def _figures(row: TupleRow) -> DebtFigures:
    """Return one row as figures."""
    return DebtFigures(
        id=row[0],
        requested=TokenUnits(int(row[1])),
        collected=TokenUnits(int(row[2])),
        written_off=TokenUnits(int(row[3])),
        open=TokenUnits(int(row[4])),
    )
