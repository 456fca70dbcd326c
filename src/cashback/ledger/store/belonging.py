"""Whose a cashback is, for whoever tells others of it."""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def belonging(tx: Tx, cashback_ids: Sequence[str]) -> list[tuple[str, str | None, str, str | None]]:
    """Return each cashback that there is with its purchase, its user and its merchant.

    One that was given by hand has neither purchase nor merchant.
    """
    cursor = await tx.execute(
        """
        select id, purchase_id, user_id, merchant_id
        from ledger.cashback_ledger
        where id = any(%(cashback_ids)s::text[])
        """,
        {"cashback_ids": list(cashback_ids)},
    )
    return await cursor.fetchall()
