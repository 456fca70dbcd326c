"""What became final: mints get their last state and their place in the stream, slots are closed for good."""

from psycopg.rows import TupleRow

from cashback.chain.model import Address, Hash, Mint, Outcome, Place
from cashback.kernel.db import Tx


async def finalise_mints(tx: Tx, *, final_block: int, limit: int) -> int:
    """Give mints in final blocks their outcome, at most `limit` of them; return how many.

    The counter's row is locked until commit, so sequences are dense and visible in their own order.
    """
    cursor = await tx.execute(
        """
        with due as (
            select number
            from chain.mints
            where state = 'included'
              and block_number <= %(final_block)s
            order by block_number, number
            limit %(limit)s
        ),
        done as (
            update chain.mints
            set state = case verdict when 'minted' then 'final' else 'refused' end,
                final_at = clock_timestamp()
            from due
            where mints.number = due.number
            returning mints.number, mints.verdict, mints.block_number, mints.reversals
        ),
        counted as (
            update chain.network
            set last_sequence = last_sequence + (select count(*) from done)
            where exists (select from done)
            returning epoch, last_sequence - (select count(*) from done) as base
        )
        insert into chain.outcomes (epoch, sequence, number, kind, reversals)
        select counted.epoch, counted.base + row_number() over (order by done.block_number, done.number),
               done.number, done.verdict, done.reversals
        from done
        cross join counted
        """,
        {"final_block": final_block, "limit": limit},
    )
    return cursor.rowcount


async def finalise_slots(tx: Tx, *, final_block: int) -> list[str]:
    """Close the slots in final blocks; return why calls reverted, one reason for each that did.

    Only now is a reverted call certainly dead: its mints wait for a slot again. One that somebody else's call has
    settled meanwhile leaves its slot, too: should that call's block be replaced, the mint has to wait, not to hang.
    """
    cursor = await tx.execute(
        """
        with closed as (
            update chain.slots
            set state = 'final'
            where state = 'mined'
              and block_number <= %(final_block)s
            returning lane, nonce, revert_reason
        ),
        requeued as (
            update chain.mints
            set state = case mints.state when 'submitted' then 'accepted' else mints.state end,
                lane = null,
                nonce = null,
                submitted_at = null
            from closed
            where closed.revert_reason is not null
              and mints.state in ('submitted', 'included')
              and mints.lane = closed.lane
              and mints.nonce = closed.nonce
        )
        select revert_reason
        from closed
        where revert_reason is not null
        order by lane, nonce
        """,
        {"final_block": final_block},
    )
    return [row[0] for row in await cursor.fetchall()]


async def carried_without_log(tx: Tx, limit: int) -> list[int]:
    """Return numbers whose slot is final and succeeded although no log tells what became of them; there are none.

    Nor is there such an anchor, which is told by the place that it reaches up to.
    """
    cursor = await tx.execute(
        """
        select mints.number
        from chain.mints
        join chain.slots using (lane, nonce)
        where mints.state = 'submitted'
          and slots.state = 'final'
        union all
        select mints.number
        from chain.mints
        join chain.slots
          on slots.lane = mints.retire_lane
         and slots.nonce = mints.retire_nonce
        where mints.retire_lane is not null
          and mints.verdict is null
          and slots.state = 'final'
        union all
        select anchors.up_to
        from chain.anchors
        join chain.slots using (lane, nonce)
        where anchors.state = 'submitted'
          and slots.state = 'final'
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def after(tx: Tx, *, sequence: int, limit: int) -> list[Outcome]:
    """Return the outcomes that come after `sequence`, in order; one that was taken back is told no more.

    What took it back is, with the place that is void; a mint's own row has the place of its newest outcome.
    """
    cursor = await tx.execute(
        """
        select outcomes.sequence, outcomes.kind,
               mints.number, mints.cashback_id, mints.recipient, mints.amount, mints.traceparent,
               coalesce(outcomes.block_number, mints.block_number),
               coalesce(outcomes.block_hash, mints.block_hash),
               coalesce(outcomes.transaction_hash, mints.transaction_hash),
               coalesce(case outcomes.kind when 'reverted' then outcomes.reason else mints.reason end, ''),
               outcomes.reversals
        from chain.outcomes
        join chain.mints using (number)
        where outcomes.sequence > %(sequence)s
          and (outcomes.kind = 'reverted' or outcomes.reversals = mints.reversals)
        order by outcomes.sequence
        limit %(limit)s
        """,
        {"sequence": sequence, "limit": limit},
    )
    return [_outcome(row) for row in await cursor.fetchall()]


async def number_at(tx: Tx, *, sequence: int) -> int | None:
    """Return the number of the mint that an outcome is about, None when there is no such outcome."""
    cursor = await tx.execute(
        """
        select number
        from chain.outcomes
        where sequence = %(sequence)s
        """,
        {"sequence": sequence},
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


def _outcome(row: TupleRow) -> Outcome:
    """Return one row as an outcome."""
    sequence, kind, number, cashback_id, recipient, amount, traceparent, block, block_hash, transaction = row[:10]
    return Outcome(
        sequence=sequence,
        kind=kind,
        mint=Mint(number, cashback_id, Address(recipient), amount, traceparent),
        place=Place(block, Hash(block_hash), Hash(transaction)),
        reason=row[10],
        reversals=row[11],
    )
