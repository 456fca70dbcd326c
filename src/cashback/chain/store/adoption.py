"""Adopting nonces that were used by what the records do not know, and the new epoch that goes with it."""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def repeat_retirements(tx: Tx, *, lane: int, nonces: Sequence[int]) -> int:
    """Take mints off the open slots at these nonces that were to retire their numbers; return how many.

    What nothing has settled is retired at another nonce, now or once the block that settled it is replaced.
    """
    cursor = await tx.execute(
        """
        update chain.mints
        set retire_lane = null,
            retire_nonce = null
        from chain.slots
        where slots.lane = %(lane)s
          and slots.nonce = any (%(nonces)s::bigint[])
          and slots.state = 'open'
          and mints.retire_lane = slots.lane
          and mints.retire_nonce = slots.nonce
        """,
        {"lane": lane, "nonces": list(nonces)},
    )
    return cursor.rowcount


async def close_slots(tx: Tx, *, lane: int, nonces: Sequence[int], block_number: int) -> int:
    """Close open slots whose nonce is used by what the records do not know; return how many mints wait again for it.

    They are adopted at a final block that was followed. A mint of theirs that somebody else's call has settled only
    leaves its slot: it waits if that is taken back, where it would hang on a slot that is over.
    """
    cursor = await tx.execute(
        """
        with closed as (
            update chain.slots
            set kind = 'adopted',
                state = 'final',
                block_number = blocks.number,
                block_hash = blocks.hash
            from chain.blocks
            where slots.lane = %(lane)s
              and slots.nonce = any (%(nonces)s::bigint[])
              and slots.state = 'open'
              and blocks.number = %(block_number)s
            returning slots.lane, slots.nonce
        ), left_alone as (
            update chain.mints
            set state = case mints.state when 'submitted' then 'accepted' else mints.state end,
                lane = null,
                nonce = null,
                submitted_at = null
            from closed
            where mints.state in ('submitted', 'included')
              and mints.lane = closed.lane
              and mints.nonce = closed.nonce
            returning mints.state
        )
        select count(*)
        from left_alone
        where state = 'accepted'
        """,
        {"lane": lane, "nonces": list(nonces), "block_number": block_number},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def adopt(tx: Tx, *, lane: int, next_nonce: int, block_number: int) -> None:
    """Let a lane go on from a nonce further on; those between are slots of what the records do not know.

    They are adopted at a final block that was followed.
    """
    await tx.execute(
        """
        with before as (
            select id, address, next_nonce
            from chain.lanes
            where id = %(lane)s
            for update
        ),
        moved as (
            update chain.lanes
            set next_nonce = %(next_nonce)s
            from before
            where lanes.id = before.id
        )
        insert into chain.slots (lane, nonce, kind, target, calldata, gas, state, block_number, block_hash)
        select before.id, nonce, 'adopted', before.address, '', 21000, 'final', blocks.number, blocks.hash
        from before
        join chain.blocks
          on blocks.number = %(block_number)s
        cross join lateral generate_series(before.next_nonce, %(next_nonce)s - 1) as nonce
        """,
        {"lane": lane, "next_nonce": next_nonce, "block_number": block_number},
    )


async def begin_epoch(tx: Tx, epoch: str) -> None:
    """Give the stream a new name, so that every reader begins at 0 and submits again what it waits for.

    The schema refuses it unless minting is halted.
    """
    await tx.execute(
        """
        select chain.begin_epoch(%(epoch)s)
        """,
        {"epoch": epoch},
    )
