"""Slots, one per nonce of a lane, and the signed attempts at each: all of it stored before anything is sent."""

from collections.abc import Sequence

from cashback.chain.model import Address, Answer, Attempt, Fees, Hash, OpenSlot, Slot
from cashback.kernel.db import Tx


async def reserve(tx: Tx, slots: Sequence[Slot]) -> None:
    """Store slots, one per nonce."""
    await tx.execute(
        """
        insert into chain.slots (lane, nonce, kind, target, calldata, gas)
        select lane, nonce, kind, target, calldata, gas
        from unnest(
            %(lanes)s::smallint[], %(nonces)s::bigint[], %(kinds)s::text[], %(targets)s::bytea[],
            %(calldata)s::bytea[], %(gas)s::bigint[]
        ) as given (lane, nonce, kind, target, calldata, gas)
        """,
        {
            "lanes": [slot.lane for slot in slots],
            "nonces": [slot.nonce for slot in slots],
            "kinds": [slot.kind for slot in slots],
            "targets": [slot.target for slot in slots],
            "calldata": [slot.call.calldata for slot in slots],
            "gas": [slot.call.gas for slot in slots],
        },
    )


async def store(tx: Tx, attempts: Sequence[Attempt]) -> int:
    """Store signed attempts at slots that are still open; return how many were new.

    The order of storing is that of the attempts at a nonce: their times are for people, a clock may step back.
    """
    cursor = await tx.execute(
        """
        insert into chain.blockchain_transactions (hash, lane, nonce, raw, max_fee_wei, tip_wei)
        select given.hash, given.lane, given.nonce, given.raw, given.max_fee_wei, given.tip_wei
        from unnest(
            %(hashes)s::bytea[], %(lanes)s::smallint[], %(nonces)s::bigint[], %(raws)s::bytea[],
            %(max_fees)s::bigint[], %(tips)s::bigint[]
        ) as given (hash, lane, nonce, raw, max_fee_wei, tip_wei)
        join chain.slots
          on slots.lane = given.lane
         and slots.nonce = given.nonce
         and slots.state = 'open'
        on conflict (hash) do nothing
        """,
        {
            "hashes": [attempt.hash for attempt in attempts],
            "lanes": [attempt.lane for attempt in attempts],
            "nonces": [attempt.nonce for attempt in attempts],
            "raws": [attempt.raw for attempt in attempts],
            "max_fees": [attempt.fees.max_fee_wei for attempt in attempts],
            "tips": [attempt.fees.tip_wei for attempt in attempts],
        },
    )
    return cursor.rowcount


async def open_slots(tx: Tx, *, lane: int, limit: int) -> list[OpenSlot]:
    """Return the first slots of a lane that no block carries, each with its newest attempt, by nonce."""
    cursor = await tx.execute(
        """
        select slots.nonce, slots.kind, slots.target, slots.calldata, slots.gas,
               newest.hash, newest.raw, newest.max_fee_wei, newest.tip_wei, newest.sends, newest.answer,
               (extract(epoch from clock_timestamp() - newest.stored_at) * 1000)::bigint,
               coalesce((extract(epoch from clock_timestamp() - newest.sent_at) * 1000)::bigint, 0)
        from chain.slots
        cross join lateral (
            select *
            from chain.blockchain_transactions as attempts
            where attempts.lane = slots.lane
              and attempts.nonce = slots.nonce
            order by attempts.place desc
            limit 1
        ) as newest
        where slots.lane = %(lane)s
          and slots.state = 'open'
        order by slots.nonce
        limit %(limit)s
        """,
        {"lane": lane, "limit": limit},
    )
    return [
        OpenSlot(
            lane=lane,
            nonce=row[0],
            kind=row[1],
            target=Address(row[2]),
            calldata=row[3],
            gas=row[4],
            hash=Hash(row[5]),
            raw=row[6],
            fees=Fees(row[7], row[8]),
            sends=row[9],
            answer=row[10],
            since_stored_ms=row[11],
            since_sent_ms=row[12],
            is_first=place == 0,
        )
        for place, row in enumerate(await cursor.fetchall())
    ]


async def record(tx: Tx, answers: Sequence[tuple[Hash, Answer, str]]) -> None:
    """Note what became of sends: one row per attempt sent, with the answer and the node's words."""
    await tx.execute(
        """
        update chain.blockchain_transactions as attempts
        set sends = attempts.sends + 1,
            sent_at = clock_timestamp(),
            answer = given.answer,
            answer_detail = left(given.detail, 300)
        from unnest(%(hashes)s::bytea[], %(answers)s::text[], %(details)s::text[]) as given (hash, answer, detail)
        where attempts.hash = given.hash
        """,
        {
            "hashes": [hash_ for hash_, _, _ in answers],
            "answers": [answer for _, answer, _ in answers],
            "details": [detail for _, _, detail in answers],
        },
    )


async def doubt(tx: Tx, *, address: Address) -> None:
    """Take the answers of a lane's open attempts back: each will be sent again, the same bytes."""
    await tx.execute(
        """
        update chain.blockchain_transactions as attempts
        set answer = 'unknown'
        from chain.slots
        join chain.lanes
          on lanes.id = slots.lane
        where lanes.address = %(address)s
          and slots.state = 'open'
          and attempts.lane = slots.lane
          and attempts.nonce = slots.nonce
          and attempts.sends > 0
        """,
        {"address": address},
    )


async def supersede(tx: Tx, *, lane: int, nonces: Sequence[int], block_number: int) -> int:
    """Close no-ops whose nonce somebody else's transaction has used for good; return how many were.

    They are closed at the final block that shows it, which must be one that was followed.
    """
    cursor = await tx.execute(
        """
        update chain.slots
        set state = 'mined',
            block_number = blocks.number,
            block_hash = blocks.hash
        from chain.blocks
        where slots.lane = %(lane)s
          and slots.nonce = any (%(nonces)s::bigint[])
          and slots.kind = 'noop'
          and slots.state = 'open'
          and blocks.number = %(block_number)s
        """,
        {"lane": lane, "nonces": list(nonces), "block_number": block_number},
    )
    return cursor.rowcount


async def attempts_of(tx: Tx, *, lane: int, nonces: Sequence[int]) -> dict[int, list[Hash]]:
    """Return the hashes of every attempt at some nonces of a lane."""
    cursor = await tx.execute(
        """
        select nonce, array_agg(hash order by place)
        from chain.blockchain_transactions
        where lane = %(lane)s
          and nonce = any (%(nonces)s::bigint[])
        group by nonce
        """,
        {"lane": lane, "nonces": list(nonces)},
    )
    return {row[0]: [Hash(one) for one in row[1]] for row in await cursor.fetchall()}


async def mistakes(tx: Tx, *, lane: int, passing: Sequence[str], among: int) -> int:
    """Return how many of a lane's last `among` mined calls reverted for a reason that is not a `passing` one."""
    cursor = await tx.execute(
        """
        select count(*) filter (where revert_reason <> all (%(passing)s::text[]))
        from (
            select revert_reason
            from chain.slots
            where lane = %(lane)s
              and state <> 'open'
            order by nonce desc
            limit %(among)s
        ) as newest
        """,
        {"lane": lane, "passing": list(passing), "among": among},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
