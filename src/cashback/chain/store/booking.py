"""Booking back what stands above the fork of a deep reorganisation: slots open again, outcomes void, heads lower."""

from cashback.chain.model import Hash
from cashback.kernel.db import Tx


async def places(tx: Tx) -> dict[int, Hash]:
    """Return every block that the records know by number and hash: recent headers, and where anything ever stood.

    At most one entry per block that carried something of ours; of two hashes at a height, which cannot be, either.
    Where an adopted slot stands nothing of ours did: its place is kept when the block there is replaced.
    """
    cursor = await tx.execute(
        """
        select number, hash
        from chain.blocks
        union
        select block_number, block_hash
        from chain.mints
        where block_number is not null
        union
        select block_number, block_hash
        from chain.slots
        where block_number is not null
          and kind <> 'adopted'
        union
        select block_number, block_hash
        from chain.used_numbers
        union
        select block_number, block_hash
        from chain.anchors
        where block_number is not null
        union
        select block_number, block_hash
        from chain.seen_anchors
        """
    )
    return {row[0]: Hash(row[1]) for row in await cursor.fetchall()}


async def is_known(tx: Tx, number: int, hash_: Hash) -> bool:
    """Tell whether the records still know a block by this hash."""
    cursor = await tx.execute(
        """
        select exists (select from chain.blocks where (number, hash) = (%(number)s, %(hash)s))
            or exists (select from chain.mints where (block_number, block_hash) = (%(number)s, %(hash)s))
            or exists (select from chain.slots where (block_number, block_hash) = (%(number)s, %(hash)s))
            or exists (select from chain.used_numbers where (block_number, block_hash) = (%(number)s, %(hash)s))
            or exists (select from chain.anchors where (block_number, block_hash) = (%(number)s, %(hash)s))
            or exists (select from chain.seen_anchors where (block_number, block_hash) = (%(number)s, %(hash)s))
        """,
        {"number": number, "hash": hash_},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def reopen_slots(tx: Tx, *, above: int) -> int:
    """Open every slot of blocks above one, final or not, its attempts to be sent again; return how many."""
    cursor = await tx.execute(
        """
        with opened as (
            update chain.slots
            set state = 'open',
                block_number = null,
                block_hash = null,
                revert_reason = null
            where state <> 'open'
              and kind <> 'adopted'
              and block_number > %(above)s
            returning lane, nonce
        ), doubted as (
            update chain.blockchain_transactions as attempts
            set block_number = null,
                answer = case when attempts.sends = 0 then null else 'unknown' end
            from opened
            where attempts.lane = opened.lane
              and attempts.nonce = opened.nonce
        )
        select count(*)
        from opened
        """,
        {"above": above},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def retire_again(tx: Tx, *, above: int) -> frozenset[int]:
    """Have numbers whose retirement stands above a block retired again, whoever had that made; return them.

    Their cashbacks may have other numbers since, so none of these may ever be minted.
    """
    cursor = await tx.execute(
        """
        update chain.mints
        set cancelled_at = coalesce(cancelled_at, clock_timestamp())
        where state = 'refused'
          and reason = 'number_retired'
          and block_number > %(above)s
        returning number
        """,
        {"above": above},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def take_back(tx: Tx, *, above: int) -> tuple[int, int]:
    """Take mints out of blocks above one; return how many that were, and how many of them had an outcome.

    These stand in the stream as `reverted` from now on, in the order of their blocks, but for retirements. A mint goes
    back to its slot where that is open again, or to being held; otherwise it waits for another slot.
    """
    cursor = await tx.execute(
        """
        with gone as materialized (
            select mints.*, mints.state in ('final', 'refused') as is_decided, held_reason is not null as is_held,
                   coalesce(slots.state = 'open' and slots.kind <> 'void', false) as has_slot
            from chain.mints
            left join chain.slots using (lane, nonce)
            where mints.block_number > %(above)s
            order by mints.number
            for update of mints
        ),
        moved as (
            update chain.mints
            set state = case when has_slot then 'submitted' when is_held then 'held' else 'accepted' end,
                lane = case when gone.has_slot then mints.lane end,
                nonce = case when gone.has_slot then mints.nonce end,
                submitted_at = case when gone.has_slot then mints.submitted_at end,
                reversals = mints.reversals + gone.is_decided::integer,
                verdict = null,
                reason = null,
                transaction_hash = null,
                block_number = null,
                block_hash = null,
                included_at = null,
                final_at = null
            from gone
            where mints.number = gone.number
            returning mints.number
        ),
        void as (
            select *
            from gone
            where is_decided
              and reason is distinct from 'number_retired'
        ),
        counted as (
            update chain.network
            set last_sequence = last_sequence + (select count(*) from void)
            returning epoch, last_sequence - (select count(*) from void) as base
        ),
        told as (
            insert into chain.outcomes
                (epoch, sequence, number, kind, reversals, transaction_hash, block_number, block_hash, reason)
            select epoch, base + row_number() over (order by block_number, number), number, 'reverted', reversals + 1,
                   transaction_hash, block_number, block_hash, reason
            from void
            cross join counted
        )
        select (select count(*) from moved), (select count(*) from void)
        """,
        {"above": above},
    )
    row = await cursor.fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def lower_heads(tx: Tx, *, block: int) -> None:
    """Let nothing above a block be safe or final any more; only what a person ordered may do that."""
    await tx.execute(
        """
        update chain.network
        set safe_block = least(safe_block, %(block)s),
            final_block = least(final_block, %(block)s)
        """,
        {"block": block},
    )
