"""How the ledger stands, read as one row: the ends of indexes, and no more rows than that."""

from cashback.kernel.db import Tx
from cashback.ledger.model.figures import Figures


async def figures(tx: Tx, *, token: str, stuck_max: int) -> Figures:
    """Return how mints and books stand; of those that are stuck at most `stuck_max` are counted."""
    cursor = await tx.execute(
        """
        select oldest.requested_at, stuck.count, unexplained.units, booked.at_block, last.differences, last.ended_at
        from (
            select coalesce(-sum(balance), 0)::bigint as units
            from ledger.accounts
            where owner = 'chain'
              and kind = 'unexplained'
              and currency = %(token)s
        ) as unexplained
        cross join (
            select count(*) as count
            from (
                select
                from ledger.cashback_ledger
                where state = 'stuck'
                limit %(stuck_max)s
            ) as waiting
        ) as stuck
        left join (
            select requested_at
            from ledger.cashback_ledger
            where state = 'mint_requested'
            order by requested_at
            limit 1
        ) as oldest on true
        left join (
            select at_block
            from ledger.supply_bookings
            order by position desc
            limit 1
        ) as booked on true
        left join (
            select differences, ended_at
            from ledger.recomputations
            order by number desc
            limit 1
        ) as last on true
        """,
        {"token": token, "stuck_max": stuck_max},
    )
    [row] = await cursor.fetchall()
    return Figures(
        requested_at=row[0],
        stuck=row[1],
        unexplained=row[2],
        booked_block=row[3],
        differences=row[4],
        recomputed_at=row[5],
    )
