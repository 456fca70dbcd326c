"""Purchases, and who they name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from psycopg import errors
from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.purchases.model import NewPurchase, Purchase, PurchaseExists, Standing

_REFERENCE_ONCE: Final = "purchase_reference_once"


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


async def insert(
    tx: Tx,
    purchases: Sequence[NewPurchase],
    lines: Sequence[bytes | None],
    purchase_ids: Sequence[str],
    received_at: Sequence[datetime],
    *,
    at: datetime,
) -> None:
    """Store purchases under the given ids, each with its lines as a document.

    In the order of their names, so two of these never wait for each other.

    Raises:
        PurchaseExists: another transaction gave one of the names to a purchase of its own; `tx` is spoilt.
    """
    try:
        await tx.execute(
            """
            insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at,
                                             received_at, created_at, lines)
            select id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, %(at)s, lines
            from unnest(
                %(ids)b::text[], %(merchants)b::text[], %(users)b::text[], %(references)b::text[],
                %(amounts)b::bigint[], %(currencies)b::text[], %(occurred)b::timestamptz[],
                %(received)b::timestamptz[], %(lines)b::bytea[]
            ) as given (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, lines)
            order by merchant_id, reference collate "C"
            """,
            {
                "ids": list(purchase_ids),
                "merchants": [purchase.merchant_id for purchase in purchases],
                "users": [purchase.user_id for purchase in purchases],
                "references": [purchase.reference for purchase in purchases],
                "amounts": [purchase.amount_minor for purchase in purchases],
                "currencies": [purchase.currency for purchase in purchases],
                "occurred": [purchase.occurred_at for purchase in purchases],
                "received": list(received_at),
                "lines": list(lines),
                "at": at,
            },
        )
    except errors.UniqueViolation as cause:
        if cause.diag.constraint_name != _REFERENCE_ONCE:
            raise
        raise PurchaseExists("another purchase has this reference", pointer="/reference") from cause


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
