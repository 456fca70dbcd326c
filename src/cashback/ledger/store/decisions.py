"""Decisions as they were stored, read through from the first to the last."""

from datetime import datetime

from cashback.kernel.db import Tx


async def page(tx: Tx, *, after: str, since: datetime | None, limit: int) -> list[tuple[str, bytes]]:
    """Return cashbacks with their decisions' documents by id, from above `after`; those decided before `since` not."""
    cursor = await tx.execute(
        """
        select decision.cashback_id, decision.document
        from ledger.decisions as decision
        join ledger.cashback_ledger as cashback on cashback.id = decision.cashback_id
        where decision.cashback_id > %(after)s
          and (%(since)s::timestamptz is null or cashback.created_at >= %(since)s)
        order by decision.cashback_id
        limit %(limit)s
        """,
        {"after": after, "since": since, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
