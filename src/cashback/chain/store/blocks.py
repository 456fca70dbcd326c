"""Headers of recent blocks, linked by parent hash, and the way back when some of them are no longer canonical."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cashback.chain.model import Hash, Header
from cashback.chain.store import anchor_logs
from cashback.kernel.db import Tx


async def tip(tx: Tx) -> Header | None:
    """Return the highest block that was followed, None before the first."""
    cursor = await tx.execute(
        """
        select number, hash, parent_hash, base_fee_wei, extract(epoch from mined_at)::bigint
        from chain.blocks
        order by number desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else Header(row[0], Hash(row[1]), Hash(row[2]), int(row[3]), row[4])


async def hashes(tx: Tx, *, limit: int) -> dict[int, Hash]:
    """Return the newest stored hashes by number."""
    cursor = await tx.execute(
        """
        select number, hash
        from chain.blocks
        order by number desc
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return {row[0]: Hash(row[1]) for row in await cursor.fetchall()}


async def hash_at(tx: Tx, number: int) -> Hash | None:
    """Return the hash of a followed block, None when its header is not stored."""
    cursor = await tx.execute(
        """
        select hash
        from chain.blocks
        where number = %(number)s
        """,
        {"number": number},
    )
    row = await cursor.fetchone()
    return None if row is None else Hash(row[0])


async def append(tx: Tx, headers: Sequence[Header]) -> None:
    """Store headers that follow the tip; a number that is stored already is refused by its key."""
    await tx.execute(
        """
        insert into chain.blocks (number, hash, parent_hash, base_fee_wei, mined_at)
        select *
        from unnest(
            %(numbers)s::bigint[], %(hashes)s::bytea[], %(parents)s::bytea[], %(fees)s::numeric[],
            %(times)s::timestamptz[]
        )
        """,
        {
            "numbers": [header.number for header in headers],
            "hashes": [header.hash for header in headers],
            "parents": [header.parent_hash for header in headers],
            "fees": [header.base_fee_wei for header in headers],
            "times": [datetime.fromtimestamp(header.timestamp, UTC) for header in headers],
        },
    )


async def prune(tx: Tx, *, below: int) -> None:
    """Forget headers below a number; nothing that deep is ever compared again."""
    await tx.execute(
        """
        delete from chain.blocks
        where number < %(below)s
        """,
        {"below": below},
    )


async def unwind(tx: Tx, *, above: int) -> int:
    """Take everything above a block back to what it was before it was seen there; return how many mints that moved.

    A mint goes back to its slot, or to being held, a slot to open with its attempts to be sent again; what is final
    never moves.
    """
    moved = await _unwind_mints(tx, above)
    await _unwind_slots(tx, above)
    await anchor_logs.unwind(tx, above=above)
    await forget(tx, above=above)
    return moved


async def _unwind_mints(tx: Tx, above: int) -> int:
    """Take mints out of blocks that are gone."""
    cursor = await tx.execute(
        """
        update chain.mints
        set state = case when lane is not null then 'submitted'
                         when held_reason is not null then 'held'
                         else 'accepted' end,
            verdict = null,
            reason = null,
            transaction_hash = null,
            block_number = null,
            block_hash = null,
            included_at = null
        where state = 'included'
          and block_number > %(above)s
        """,
        {"above": above},
    )
    return cursor.rowcount


async def _unwind_slots(tx: Tx, above: int) -> None:
    """Open the slots of blocks that are gone; nobody can tell whether pools still hold their attempts."""
    await tx.execute(
        """
        with opened as (
            update chain.slots
            set state = 'open',
                block_number = null,
                block_hash = null,
                revert_reason = null
            where state = 'mined'
              and block_number > %(above)s
            returning lane, nonce
        )
        update chain.blockchain_transactions as attempts
        set block_number = null,
            answer = case when attempts.sends = 0 then null else 'unknown' end
        from opened
        where attempts.lane = opened.lane
          and attempts.nonce = opened.nonce
        """,
        {"above": above},
    )


async def forget(tx: Tx, *, above: int) -> None:
    """Drop headers and foreign sightings of blocks that are gone."""
    await tx.execute(
        """
        with blocks as (
            delete from chain.blocks
            where number > %(above)s
        )
        delete from chain.used_numbers
        where block_number > %(above)s
        """,
        {"above": above},
    )
