"""Cancelled mints: ordered by a person, retired by a slot of their own, and how far that is."""

from collections.abc import Mapping, Sequence

from cashback.chain.model import Address, Cancellation, CancellationView, Hash, Person, Slot, Waiting
from cashback.kernel.db import Tx


async def order(tx: Tx, numbers: Sequence[int]) -> frozenset[int]:
    """Cancel those of the mints that nothing has settled; return the numbers for which that is news.

    From `tx` on no further call carries them: whoever is about to store one finds that they do not wait any more.
    """
    cursor = await tx.execute(
        """
        with due as (
            select number
            from chain.mints
            where number = any (%(numbers)s::bigint[])
              and cancelled_at is null
              and verdict is null
            order by number
            for update
        )
        update chain.mints
        set cancelled_at = clock_timestamp()
        from due
        where mints.number = due.number
        returning mints.number
        """,
        {"numbers": list(numbers)},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def standing(tx: Tx, numbers: Sequence[int]) -> Mapping[int, Cancellation]:
    """Return how each of the mints stands towards being cancelled, ordered or not; unknown numbers are left out."""
    cursor = await tx.execute(
        """
        select number, state, verdict, reason, cancelled_at is not null, retire_lane is not null
        from chain.mints
        where number = any (%(numbers)s::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return {
        row[0]: Cancellation(
            number=row[0],
            is_final=row[1] in ("final", "refused"),
            verdict=row[2],
            reason=row[3] or "",
            is_ordered=row[4],
            has_slot=row[5],
        )
        for row in await cursor.fetchall()
    }


async def view(tx: Tx, number: int) -> CancellationView | None:
    """Return who cancelled a mint, when and why, with the newest transaction that retires it; None when nobody did."""
    cursor = await tx.execute(
        """
        select entry.person, entry.certificate, entry.reason, mints.cancelled_at, newest.hash,
               mints.state, mints.verdict, mints.reason, mints.retire_lane is not null
        from chain.mints
        join chain.mint_journal as entry
          on entry.number = mints.number
         and entry.act = 'cancelled'
        left join lateral (
            select attempts.hash
            from chain.blockchain_transactions as attempts
            where attempts.lane = mints.retire_lane
              and attempts.nonce = mints.retire_nonce
            order by attempts.block_number nulls last, attempts.place desc
            limit 1
        ) as newest on true
        where mints.number = %(number)s
        order by entry.id
        limit 1
        """,
        {"number": number},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return CancellationView(
        by=Person(row[0], row[1]),
        because=row[2],
        at=row[3],
        transaction_hash=None if row[4] is None else Hash(row[4]),
        standing=Cancellation(
            number=number,
            is_final=row[5] in ("final", "refused"),
            verdict=row[6],
            reason=row[7] or "",
            is_ordered=True,
            has_slot=row[8],
        ),
    )


async def to_retire(tx: Tx, limit: int, *, outside: Sequence[tuple[int, int]] = ()) -> list[Waiting]:
    """Return the first cancelled mints, by number, that no slot retires and nothing has settled.

    Numbers in the ranges `outside` (first, last) are passed over.
    """
    cursor = await tx.execute(
        """
        select number, recipient, amount
        from chain.mints
        where cancelled_at is not null
          and retire_lane is null
          and verdict is null
          and not exists (
              select
              from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as taken (first, last)
              where number between first and last
          )
        order by number
        limit %(limit)s
        """,
        {"limit": limit, "firsts": [first for first, _ in outside], "lasts": [last for _, last in outside]},
    )
    return [Waiting(row[0], Address(row[1]), row[2]) for row in await cursor.fetchall()]


async def assign(tx: Tx, slots: Sequence[Slot]) -> int:
    """Have the slots retire the numbers that they carry; return how many still waited for it."""
    pairs = [(number, slot) for slot in slots for number in slot.call.numbers]
    cursor = await tx.execute(
        """
        update chain.mints
        set retire_lane = given.lane,
            retire_nonce = given.nonce
        from unnest(%(numbers)s::bigint[], %(lanes)s::smallint[], %(nonces)s::bigint[]) as given (number, lane, nonce)
        where mints.number = given.number
          and mints.cancelled_at is not null
          and mints.retire_lane is null
          and mints.verdict is null
        """,
        {
            "numbers": [number for number, _ in pairs],
            "lanes": [slot.lane for _, slot in pairs],
            "nonces": [slot.nonce for _, slot in pairs],
        },
    )
    return cursor.rowcount


async def release_reverted(tx: Tx) -> int:
    """Take mints out of the slots whose retirement reverted for good, to be retired anew; return how many."""
    cursor = await tx.execute(
        """
        update chain.mints
        set retire_lane = null,
            retire_nonce = null
        from chain.slots
        where mints.retire_lane is not null
          and slots.lane = mints.retire_lane
          and slots.nonce = mints.retire_nonce
          and slots.state = 'final'
          and slots.revert_reason is not null
        """
    )
    return cursor.rowcount
