"""Anchors that leave their slots without having been mined for good: the newest waits again, others are superseded.

Whoever takes them out lets nobody accept another one meanwhile: which one is the newest stays so until that is stored.
"""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def have_failed(tx: Tx) -> bool:
    """Tell whether an anchor is in a slot whose call failed for good."""
    cursor = await tx.execute(
        """
        select exists (
            select
            from chain.anchors
            join chain.slots using (lane, nonce)
            where anchors.state in ('submitted', 'included')
              and slots.state = 'final'
              and slots.revert_reason is not null
        )
        """
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def release_reverted(tx: Tx, *, reverts_max: int) -> list[tuple[int, str, str]]:
    """Take anchors out of slots whose call failed for good; return each with the reason and the state it is in now.

    The newest waits again, or is held when its call failed for the `reverts_max`th time; `lock` was called before, so
    that none becomes the newest meanwhile.
    """
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = case when anchors.state = 'included' then anchors.state
                         when anchors.up_to < (select max(up_to) from chain.anchors) then 'superseded'
                         when reverts + 1 >= %(reverts_max)s then 'held'
                         else 'accepted' end,
            held_reason = case when anchors.state <> 'included'
                                and anchors.up_to = (select max(up_to) from chain.anchors)
                                and reverts + 1 >= %(reverts_max)s then slots.revert_reason end,
            reverts = reverts + 1,
            lane = null,
            nonce = null,
            submitted_at = null
        from chain.slots
        where anchors.state in ('submitted', 'included')
          and slots.lane = anchors.lane
          and slots.nonce = anchors.nonce
          and slots.state = 'final'
          and slots.revert_reason is not null
        returning anchors.up_to, slots.revert_reason, anchors.state
        """,
        {"reverts_max": reverts_max},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def leave(tx: Tx, *, lane: int, nonces: Sequence[int]) -> int:
    """Take anchors off the open slots at these nonces, which something else has used; return how many."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = case when anchors.state = 'included' then anchors.state
                         when anchors.up_to < (select max(up_to) from chain.anchors) then 'superseded'
                         else 'accepted' end,
            lane = null,
            nonce = null,
            submitted_at = null
        from chain.slots
        where slots.lane = %(lane)s
          and slots.nonce = any (%(nonces)s::bigint[])
          and slots.state = 'open'
          and anchors.lane = slots.lane
          and anchors.nonce = slots.nonce
        """,
        {"lane": lane, "nonces": list(nonces)},
    )
    return cursor.rowcount
