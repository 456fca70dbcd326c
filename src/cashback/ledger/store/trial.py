"""The books as a whole: by kind, and account by account."""

from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model.audits import RecomputationStory
from cashback.ledger.model.trial import AccountSum, KindSum, Recomputed


async def sums(tx: Tx) -> list[KindSum]:
    """Return what all accounts hold now, by currency and kind."""
    cursor = await tx.execute(
        """
        select currency, kind, count(*), sum(greatest(-balance, 0)), sum(greatest(balance, 0))
        from ledger.accounts
        group by currency, kind
        order by currency, kind
        """
    )
    return [KindSum(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in await cursor.fetchall()]


async def sums_at(tx: Tx, at: datetime) -> list[KindSum]:
    """Return what all accounts held by what was written down by an instant, computed from the transfers."""
    cursor = await tx.execute(
        """
        select account.currency, kind, count(*), sum(greatest(-held.balance, 0)), sum(greatest(held.balance, 0))
        from (
            select account_id, sum(amount) as balance
            from ledger.entries
            where at <= %(at)s
            group by account_id
        ) as held
        join ledger.accounts as account on account.id = held.account_id
        group by account.currency, kind
        order by account.currency, kind
        """,
        {"at": at},
    )
    return [KindSum(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in await cursor.fetchall()]


async def stretch(tx: Tx, *, after: int, limit: int) -> list[AccountSum]:
    """Return accounts by number with what their entries come to, in one snapshot: a posting is in both or neither."""
    cursor = await tx.execute(
        """
        select account.id, owner || '/' || kind || '/' || currency, balance,
               coalesce(credited.amount, 0) - coalesce(debited.amount, 0), debited.entries + credited.entries,
               coalesce(case when debited.last > coalesce(credited.last, 0) then
                   (select debit_balance_after from ledger.transfers where position = debited.last)
               else
                   (select credit_balance_after from ledger.transfers where position = credited.last)
               end, 0)
        from (
            select *
            from ledger.accounts
            where id > %(after)s
            order by id
            limit %(limit)s
        ) as account
        cross join lateral (
            select sum(amount) as amount, count(*) as entries, max(position) as last
            from ledger.transfers
            where debit_account = account.id
        ) as debited
        cross join lateral (
            select sum(amount) as amount, count(*) as entries, max(position) as last
            from ledger.transfers
            where credit_account = account.id
        ) as credited
        order by account.id
        """,
        {"after": after, "limit": limit},
    )
    return [
        AccountSum(
            number=row[0], name=row[1], balance=row[2], computed=int(row[3]), entries=int(row[4]), last=int(row[5])
        )
        for row in await cursor.fetchall()
    ]


async def last_began_at(tx: Tx) -> datetime | None:
    """Return when the last recomputation began, None when there was none."""
    cursor = await tx.execute(
        """
        select max(began_at)
        from ledger.recomputations
        """
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def recomputations(tx: Tx, *, numbers_below: int, limit: int) -> list[RecomputationStory]:
    """Return recomputations below a number, the newest first."""
    cursor = await tx.execute(
        """
        select number, by, began_at, ended_at, accounts, entries, differences, first_difference
        from ledger.recomputations
        where number < %(below)s
        order by number desc
        limit %(limit)s
        """,
        {"below": numbers_below, "limit": limit},
    )
    return [
        RecomputationStory(
            number=str(row[0]),
            by=row[1],
            began_at=row[2],
            ended_at=row[3],
            accounts=row[4],
            entries=row[5],
            differences=row[6],
            first_difference=row[7],
        )
        for row in await cursor.fetchall()
    ]


async def insert(tx: Tx, run: Recomputed) -> None:
    """Store a recomputation that ended."""
    await tx.execute(
        """
        insert into ledger.recomputations (by, began_at, ended_at, accounts, entries, differences, first_difference)
        values (%(by)s, %(began_at)s, %(ended_at)s, %(accounts)s, %(entries)s, %(differences)s, %(first)s)
        """,
        {
            "by": run.by,
            "began_at": run.began_at,
            "ended_at": run.ended_at,
            "accounts": run.accounts,
            "entries": run.entries,
            "differences": run.differences,
            "first": run.first_difference,
        },
    )
