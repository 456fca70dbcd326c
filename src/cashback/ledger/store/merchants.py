"""Whose purchase a cashback is of."""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def merchants_of(tx: Tx, cashback_ids: Sequence[str]) -> dict[str, str]:
    """Return the merchant of each cashback that has one; one that was given by hand has none."""
    cursor = await tx.execute(
        """
        select id, merchant_id
        from ledger.cashback_ledger
        where id = any(%(cashback_ids)s::text[])
          and merchant_id is not null
        """,
        {"cashback_ids": list(cashback_ids)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}
