"""What blocks say about anchors: logs matched to what was asked for, and what nobody has asked for.

An anchor is matched by root and place, whoever's transaction carried it; the others wait in `seen_anchors` until
somebody asks for them, and for a stranger's they wait in vain.
"""

from collections.abc import Sequence

from cashback.chain.model import AnchoredLog
from cashback.kernel.db import Tx


async def include(tx: Tx, logs: Sequence[AnchoredLog]) -> int:
    """Move the anchors that the logs tell of to `included`, keep every other log; return how many were moved.

    Of several logs of one anchor the first counts.
    """
    cursor = await tx.execute(
        """
        with given as (
            select *
            from unnest(
                %(up_tos)s::numeric[], %(roots)s::bytea[], %(minters)s::bytea[], %(transactions)s::bytea[],
                %(blocks)s::bigint[], %(hashes)s::bytea[]
            ) with ordinality as log (up_to, root, minter, transaction_hash, block_number, block_hash, place)
        ),
        moved as (
            update chain.anchors
            set state = 'included',
                held_reason = null,
                minter = log.minter,
                transaction_hash = log.transaction_hash,
                block_number = log.block_number,
                block_hash = log.block_hash,
                included_at = clock_timestamp()
            from (select distinct on (up_to, root) * from given order by up_to, root, place) as log
            where anchors.up_to = log.up_to
              and anchors.root = log.root
              and anchors.state not in ('included', 'final')
            returning log.place
        ),
        kept as (
            insert into chain.seen_anchors (up_to, root, minter, transaction_hash, block_number, block_hash)
            select up_to, root, minter, transaction_hash, block_number, block_hash
            from given
            where place not in (select place from moved)
            on conflict on constraint seen_anchor_once do nothing
        )
        select count(*)
        from moved
        """,
        {
            "up_tos": [log.up_to for log in logs],
            "roots": [log.root for log in logs],
            "minters": [log.minter for log in logs],
            "transactions": [log.place.transaction_hash for log in logs],
            "blocks": [log.place.block_number for log in logs],
            "hashes": [log.place.block_hash for log in logs],
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def unknown(tx: Tx, *, among: Sequence[int] | None = None, limit: int) -> list[tuple[int, bytes]]:
    """Return anchors, of all places or of some, that the chain has and nobody asked for, from where on all are known.

    Each is told as how far it reaches and its root, the furthest first.
    """
    cursor = await tx.execute(
        """
        select distinct seen.up_to, seen.root
        from chain.seen_anchors as seen
        join chain.network
          on seen.block_number > network.known_from_block
        where (%(among)s::numeric[] is null or seen.up_to = any (%(among)s::numeric[]))
          and not exists (
              select
              from chain.anchors
              where anchors.up_to = seen.up_to
                and anchors.root = seen.root
          )
        order by seen.up_to desc, seen.root
        limit %(limit)s
        """,
        {"among": None if among is None else list(among), "limit": limit},
    )
    return [(int(row[0]), row[1]) for row in await cursor.fetchall()]


async def unwind(tx: Tx, *, above: int) -> int:
    """Take anchors out of blocks above one, final or not, and forget what was seen there; return how many that moved.

    One whose slot is not final goes on from there; otherwise the newest waits again, and the others are superseded.
    """
    cursor = await tx.execute(
        """
        with forgotten as (
            delete from chain.seen_anchors
            where block_number > %(above)s
        )
        update chain.anchors
        set state = case when gone.has_slot then 'submitted' when gone.is_newest then 'accepted' else 'superseded' end,
            lane = case when gone.has_slot then anchors.lane end,
            nonce = case when gone.has_slot then anchors.nonce end,
            submitted_at = case when gone.has_slot then anchors.submitted_at end,
            minter = null,
            transaction_hash = null,
            block_number = null,
            block_hash = null,
            included_at = null,
            final_at = null
        from (
            select anchors.up_to, coalesce(slots.state <> 'final' and slots.kind = 'anchor', false) as has_slot,
                   anchors.up_to = (select max(up_to) from chain.anchors) as is_newest
            from chain.anchors
            left join chain.slots using (lane, nonce)
            where anchors.block_number > %(above)s
        ) as gone
        where anchors.up_to = gone.up_to
        """,
        {"above": above},
    )
    return cursor.rowcount


async def void_left(tx: Tx) -> int:
    """Have open slots that publish no anchor any more filled by no-ops; return how many.

    What waits for another slot would stand on the chain twice otherwise.
    """
    cursor = await tx.execute(
        """
        update chain.slots
        set kind = 'void'
        where state = 'open'
          and kind = 'anchor'
          and not exists (
              select
              from chain.anchors
              where anchors.lane = slots.lane
                and anchors.nonce = slots.nonce
          )
        """
    )
    return cursor.rowcount
