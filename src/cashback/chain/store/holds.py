"""Mints that are held, because the contracts refuse them: in no call, and nobody's to take, until they are released.

accepted ──hold──▶ held ──release──▶ accepted
                    └── the chain has it all the same (store/sightings) ──▶ included, and back after a reorganisation
"""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def hold(tx: Tx, numbers: Sequence[int], reason: str) -> frozenset[int]:
    """Hold those of `numbers` that wait, for a stable `reason` of at most 100 characters; return which that were."""
    cursor = await tx.execute(
        """
        update chain.mints
        set state = 'held',
            held_reason = %(reason)s,
            held_at = clock_timestamp()
        where number = any (%(numbers)s::bigint[])
          and state = 'accepted'
        returning number
        """,
        {"numbers": list(numbers), "reason": reason},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def release(tx: Tx, numbers: Sequence[int]) -> frozenset[int]:
    """Let those of `numbers` that are held, and not cancelled, wait for a slot again; return which that were."""
    cursor = await tx.execute(
        """
        update chain.mints
        set state = 'accepted',
            held_reason = null,
            held_at = null
        where number = any (%(numbers)s::bigint[])
          and state = 'held'
          and cancelled_at is null
        returning number
        """,
        {"numbers": list(numbers)},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def held_count(tx: Tx, limit: int) -> int:
    """Return how many mints are held, counting no further than `limit`."""
    cursor = await tx.execute(
        """
        select count(*)
        from (
            select
            from chain.mints
            where state = 'held'
            limit %(limit)s
        ) as counted
        """,
        {"limit": limit},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def held_numbers(tx: Tx, limit: int) -> list[int]:
    """Return the numbers of held mints, the lowest first, at most `limit`."""
    cursor = await tx.execute(
        """
        select number
        from chain.mints
        where state = 'held'
        order by number
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]
