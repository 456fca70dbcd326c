"""Answers that are old go, in batches, by a function that takes away nothing younger than it may."""

from collections.abc import Sequence

import msgspec

from cashback.kernel.db import Tx


class Batch(msgspec.Struct, frozen=True):
    """How many commands were looked at, none at the end, and how many answers of theirs were forgotten."""

    looked_at: int
    forgotten: int


async def answers(tx: Tx, *, keep_days: int, deeds: Sequence[str], limit: int) -> Batch:
    """Forget the answers of the next `limit` commands that were done so long ago, of those that are called so.

    While another process is at it, nothing is looked at.

    Raises:
        psycopg.errors.CheckViolation: less than a week would be kept.
    """
    cursor = await tx.execute(
        """
        select looked_at, forgotten
        from purchases.forget_answers(make_interval(days => %(keep_days)s), %(deeds)b::text[], %(limit)s)
        """,
        {"keep_days": keep_days, "deeds": list(deeds), "limit": limit},
    )
    ((looked_at, forgotten),) = await cursor.fetchall()
    return Batch(looked_at, forgotten)
