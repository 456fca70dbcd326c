"""What reconciliations read of the token's supply, and which of them the books hold."""

from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model.supply import Supply

MISBOOKED: Final = """
    select 'chain/' || kind, coalesce(expected, 0), coalesce(balance, 0)
    from (
        select kind, expected
        from (
            select explained, burned, total_supply
            from ledger.supply_bookings
            order by position desc
            limit 1
        ) as booked
        cross join lateral (values
            ('issued', -explained),
            ('supply', total_supply),
            ('burned', burned),
            ('unexplained', explained - burned - total_supply)
        ) as figure (kind, expected)
    ) as figures
    full join (
        select kind, balance
        from ledger.accounts
        where owner = 'chain'
    ) as books using (kind)
    where coalesce(expected, 0) <> coalesce(balance, 0)
"""
"""Accounts of the chain that do not hold what was booked last, for the audit."""


async def booked(tx: Tx) -> Supply | None:
    """Return what was booked last, None before the first time."""
    cursor = await tx.execute(
        """
        select reconciliation, at_block, at_block_hash, explained, burned, total_supply
        from ledger.supply_bookings
        order by position desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else _supply(row)


async def runs_after(tx: Tx, reconciliation: int, *, limit: int) -> list[Supply]:
    """Return the newest runs after one that say what requests explain, newest first."""
    cursor = await tx.execute(
        """
        select position, at_block, at_block_hash, explained::text, burned::text, total_supply::text
        from ledger.reconciliations
        where position > %(after)s
          and explained is not null
        order by position desc
        limit %(limit)s
        """,
        {"after": reconciliation, "limit": limit},
    )
    return [_supply(row) for row in await cursor.fetchall()]


async def insert(tx: Tx, run: Supply, *, at: datetime) -> None:
    """Write down that the accounts hold what `run` read."""
    await tx.execute(
        """
        insert into ledger.supply_bookings
            (reconciliation, at_block, at_block_hash, explained, burned, total_supply, at)
        values (%(reconciliation)s, %(at_block)s, %(hash)s, %(explained)s, %(burned)s, %(total_supply)s, %(at)s)
        """,
        {
            "reconciliation": run.reconciliation,
            "at_block": run.at_block,
            "hash": run.at_block_hash,
            "explained": run.explained,
            "burned": run.burned,
            "total_supply": run.total_supply,
            "at": at,
        },
    )


async def unexplained(tx: Tx, *, token: str) -> int:
    """Return the supply that the books cannot explain, in base units; the account holds minus that."""
    cursor = await tx.execute(
        """
        select coalesce(-sum(balance), 0)
        from ledger.accounts
        where owner = 'chain'
          and kind = 'unexplained'
          and currency = %(token)s
        """,
        {"token": token},
    )
    [row] = await cursor.fetchall()
    return int(row[0])


def _supply(row: tuple[int, int, str, str | int, str | int, str | int]) -> Supply:
    """Return one row as figures."""
    return Supply(
        reconciliation=row[0],
        at_block=row[1],
        at_block_hash=row[2],
        explained=int(row[3]),
        burned=int(row[4]),
        total_supply=int(row[5]),
    )
