"""Decisions as they were stored, read through from the first to the last."""

from datetime import datetime

from cashback.kernel.db import Tx


async def page(tx: Tx, *, after: tuple[str, int], since: datetime | None, limit: int) -> list[tuple[str, int, bytes]]:
    """Return decisions by cashback and sequence, from above `after`; those of cashbacks made before `since` not."""
    cursor = await tx.execute(
        """
        select decision.cashback_id, decision.sequence, decision.document
        from ledger.decisions as decision
        join ledger.cashback_ledger as cashback on cashback.id = decision.cashback_id
        where (decision.cashback_id, decision.sequence) > (%(after)s, %(sequence)s)
          and (%(since)s::timestamptz is null or cashback.created_at >= %(since)s)
        order by decision.cashback_id, decision.sequence
        limit %(limit)s
        """,
        {"after": after[0], "sequence": after[1], "since": since, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def of_cashback(tx: Tx, cashback_id: str, *, limit: int) -> list[tuple[int, bytes]]:
    """Return (sequence, document) of the decisions of one cashback, the first one first."""
    cursor = await tx.execute(
        """
        select sequence, document
        from ledger.decisions
        where cashback_id = %(id)s
        order by sequence
        limit %(limit)s
        """,
        {"id": cashback_id, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]
