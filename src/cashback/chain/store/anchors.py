"""Anchors that were asked for: accepted once per place, at most one waiting, and how far each is.

One that leaves its slot without having been mined for good waits again if it is the newest of all, and is superseded
otherwise: so never do two wait.
"""

from typing import Final

from psycopg.rows import TupleRow

from cashback.chain.model import Anchor, AnchorView, LatestAnchors, Slot
from cashback.kernel.db import Tx

_KNOWN: Final = """
with known as (
    select up_to, state, root, lane, nonce, transaction_hash, block_number, block_hash, minter, held_reason
    from chain.anchors
    union all
    select seen.up_to::bigint, case when seen.block_number <= network.final_block then 'final' else 'included' end,
           seen.root, null, null, seen.transaction_hash, seen.block_number, seen.block_hash, seen.minter, null
    from chain.seen_anchors as seen
    join chain.network
      on seen.block_number <= coalesce(network.known_from_block, seen.block_number)
    where seen.up_to between 1 and 9223372036854775807
      and not exists (
          select
          from chain.anchors
          where anchors.up_to = seen.up_to
      )
)
"""
"""What was asked for, and what stood on the chain before everything that stands there was asked for here."""
_SHOWN: Final = """
select told.up_to, told.state, told.root, coalesce(told.transaction_hash, newest.hash), told.block_number,
       told.block_hash, told.minter, told.held_reason
from (%s) as told
left join lateral (
    select attempts.hash
    from chain.blockchain_transactions as attempts
    where attempts.lane = told.lane
      and attempts.nonce = told.nonce
    order by attempts.place desc
    limit 1
) as newest on true
"""


async def lock(tx: Tx) -> None:
    """Let nobody else accept an anchor, or take the logs of one in, until `tx` ends."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtextextended('chain.anchors', 0))
        """
    )


async def find(tx: Tx, up_to: int) -> AnchorView | None:
    """Return how far the anchor of one place is, None when none is known."""
    one = "select * from known where up_to = %(up_to)s order by block_number limit 1"
    cursor = await tx.execute(_KNOWN + _SHOWN.replace("%s", one), {"up_to": up_to})
    row = await cursor.fetchone()
    return None if row is None else _view(row)


async def latest(tx: Tx) -> LatestAnchors:
    """Return the newest anchor that was not superseded, and the newest that is final."""
    both = """
        (select * from known where state <> 'superseded' order by up_to desc, block_number limit 1)
        union
        (select * from known where state = 'final' order by up_to desc, block_number limit 1)
    """
    cursor = await tx.execute(_KNOWN + _SHOWN.replace("%s", both))
    views = [_view(row) for row in await cursor.fetchall()]
    return LatestAnchors(
        max(views, key=lambda one: one.up_to, default=None), next((one for one in views if one.state == "final"), None)
    )


async def highest(tx: Tx) -> int:
    """Return the furthest that any known anchor reaches, superseded ones included; 0 when there is none."""
    cursor = await tx.execute(_KNOWN + "select coalesce(max(up_to), 0) from known")
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def supersede_waiting(tx: Tx) -> int | None:
    """Take back what waits for a slot, for a newer one is about to be accepted; return up to where it reached."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = 'superseded',
            held_reason = null
        where state in ('accepted', 'held')
        returning up_to
        """
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def accept(tx: Tx, anchor: Anchor) -> bool:
    """Store an anchor that is known, or reaches further than every other one, of which none waits; tell what is news.

    One that is known stays as it is.
    """
    cursor = await tx.execute(
        """
        insert into chain.anchors (up_to, root)
        values (%(up_to)s, %(root)s)
        on conflict (up_to) do nothing
        """,
        {"up_to": anchor.up_to, "root": anchor.root},
    )
    return cursor.rowcount == 1


async def accept_seen(tx: Tx, anchor: Anchor) -> bool:
    """Store an anchor that stands on the chain already, where it does; return whether that is so, and news."""
    cursor = await tx.execute(
        """
        insert into chain.anchors
            (up_to, root, state, minter, transaction_hash, block_number, block_hash, included_at)
        select up_to, root, 'included', minter, transaction_hash, block_number, block_hash, clock_timestamp()
        from chain.seen_anchors
        where (up_to, root) = (%(up_to)s::numeric, %(root)s::bytea)
        order by block_number
        limit 1
        on conflict (up_to) do nothing
        """,
        {"up_to": anchor.up_to, "root": anchor.root},
    )
    return cursor.rowcount == 1


async def release(tx: Tx, up_to: int) -> bool:
    """Let an anchor that is held wait for a slot again, its failures forgotten; return whether it was held."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = 'accepted',
            held_reason = null,
            reverts = 0
        where up_to = %(up_to)s
          and state = 'held'
        """,
        {"up_to": up_to},
    )
    return cursor.rowcount == 1


async def hold(tx: Tx, up_to: int, reason: str) -> bool:
    """Hold an anchor that waits, for a stable `reason` of at most 100 characters; return whether it waited."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = 'held',
            held_reason = %(reason)s
        where up_to = %(up_to)s
          and state = 'accepted'
        """,
        {"up_to": up_to, "reason": reason},
    )
    return cursor.rowcount == 1


async def waiting(tx: Tx) -> Anchor | None:
    """Return the anchor that waits for a slot, None when none does, or one is still under way.

    Nor does any before it is known of every mint who had asked for it: what stands on the chain is all read then.
    """
    cursor = await tx.execute(
        """
        select root, up_to
        from chain.anchors
        join chain.network
          on network.known_from_block is not null
        where state = 'accepted'
          and not exists (
              select
              from chain.anchors as earlier
              where earlier.state in ('submitted', 'included')
          )
        """
    )
    row = await cursor.fetchone()
    return None if row is None else Anchor(row[0], row[1])


async def assign(tx: Tx, anchor: Anchor, slot: Slot) -> bool:
    """Have a slot publish an anchor; return whether that still waited, and none was under way."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = 'submitted',
            lane = %(lane)s,
            nonce = %(nonce)s,
            submitted_at = clock_timestamp()
        where (up_to, root) = (%(up_to)s, %(root)s)
          and state = 'accepted'
          and not exists (
              select
              from chain.anchors as earlier
              where earlier.state in ('submitted', 'included')
          )
        """,
        {"up_to": anchor.up_to, "root": anchor.root, "lane": slot.lane, "nonce": slot.nonce},
    )
    return cursor.rowcount == 1


async def finalise(tx: Tx, *, final_block: int) -> list[int]:
    """Call anchors in final blocks final; return up to where they reach, in order."""
    cursor = await tx.execute(
        """
        update chain.anchors
        set state = 'final',
            final_at = clock_timestamp()
        where state = 'included'
          and block_number <= %(final_block)s
        returning up_to
        """,
        {"final_block": final_block},
    )
    return sorted(row[0] for row in await cursor.fetchall())


def _view(row: TupleRow) -> AnchorView:
    """Return one row as what is known of an anchor."""
    return AnchorView(
        up_to=row[0],
        state=row[1],
        root=row[2],
        transaction_hash=row[3] or b"",
        block_number=row[4] or 0,
        block_hash=row[5] or b"",
        minter=row[6] or b"",
        reason=row[7] or "",
    )
