"""Purchases, and who they name."""

from collections.abc import Sequence

from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.purchases.model import Purchase, Standing


async def standing(tx: Tx, *, users: Sequence[str], merchants: Sequence[str]) -> dict[str, Standing]:
    """Return the standing of each user and merchant that exists; it may earn if it is neither blocked nor inactive."""
    cursor = await tx.execute(
        """
        select id, not is_blocked, tier, null, '{}'::text[]
        from purchases.users
        where id = any(%(users)b::text[])
        union all
        select id, is_active, null, mcc, owners
        from purchases.merchants
        where id = any(%(merchants)b::text[])
        """,
        {"users": list(users), "merchants": list(merchants)},
    )
    return {
        row[0]: Standing(may_earn=row[1], tier=row[2], mcc=row[3], owners=tuple(row[4]))
        for row in await cursor.fetchall()
    }


async def read(tx: Tx, purchase_id: str) -> Purchase | None:
    """Return one purchase, or None when there is none."""
    return (await read_many(tx, [purchase_id])).get(purchase_id)


async def read_many(tx: Tx, purchase_ids: Sequence[str]) -> dict[str, Purchase]:
    """Return those of some purchases that there are, by id."""
    cursor = await tx.execute(
        """
        select id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, created_at, lines
        from purchases.purchases
        where id = any(%(ids)b::text[])
        """,
        {"ids": list(purchase_ids)},
    )
    return {row[0]: _purchase(row) for row in await cursor.fetchall()}


def _purchase(row: TupleRow) -> Purchase:
    """Return one row as a purchase."""
    return Purchase(
        id=row[0],
        merchant_id=row[1],
        user_id=row[2],
        reference=row[3],
        amount_minor=row[4],
        currency=row[5],
        occurred_at=row[6],
        received_at=row[7],
        created_at=row[8],
        lines=row[9],
    )
