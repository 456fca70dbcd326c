"""Slots whose call must not be sent any more, since it carries a number that is to be retired again."""

from collections.abc import Collection, Sequence
from typing import Final

from cashback.chain.model import Address, Exposed
from cashback.kernel.db import Tx

_CALLS_AT_ONCE: Final = 256


async def open_calls(tx: Tx, *, after: tuple[int, int]) -> list[tuple[int, int, bytes]]:
    """Return the next open calls of mints beyond a lane and nonce, at most 256 of them: lane, nonce and calldata."""
    cursor = await tx.execute(
        """
        select lane, nonce, calldata
        from chain.slots
        where state = 'open'
          and kind = 'mint'
          and (lane, nonce) > (%(lane)s, %(nonce)s)
        order by lane, nonce
        limit %(limit)s
        """,
        {"lane": after[0], "nonce": after[1], "limit": _CALLS_AT_ONCE},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def void(tx: Tx, slots: Collection[tuple[int, int]]) -> int:
    """Have open slots filled by no-ops, and the mints on them wait for another one; return how many slots.

    A mint that somebody else's call has settled only leaves its slot: it waits if that is taken back.
    """
    cursor = await tx.execute(
        """
        with voided as (
            update chain.slots
            set kind = 'void'
            from unnest(%(lanes)s::smallint[], %(nonces)s::bigint[]) as given (lane, nonce)
            where slots.lane = given.lane
              and slots.nonce = given.nonce
              and slots.state = 'open'
              and slots.kind = 'mint'
            returning slots.lane, slots.nonce
        ), left_alone as (
            update chain.mints
            set state = case mints.state when 'submitted' then 'accepted' else mints.state end,
                lane = null,
                nonce = null,
                submitted_at = null
            from voided
            where mints.state in ('submitted', 'included')
              and mints.lane = voided.lane
              and mints.nonce = voided.nonce
        )
        select count(*)
        from voided
        """,
        {"lanes": [lane for lane, _ in slots], "nonces": [nonce for _, nonce in slots]},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def exposed(tx: Tx, found: Sequence[tuple[int, int, int]]) -> list[Exposed]:
    """Return what is to be told of numbers that calls at some lane and nonce carry (number, lane, nonce), in order."""
    cursor = await tx.execute(
        """
        select mints.number, mints.cashback_id, mints.amount, lanes.address, given.nonce
        from unnest(%(numbers)s::bigint[], %(lanes)s::smallint[], %(nonces)s::bigint[]) as given (number, lane, nonce)
        join chain.mints
          on mints.number = given.number
        join chain.lanes
          on lanes.id = given.lane
        order by mints.number, lanes.id, given.nonce
        """,
        {
            "numbers": [number for number, _, _ in found],
            "lanes": [lane for _, lane, _ in found],
            "nonces": [nonce for _, _, nonce in found],
        },
    )
    return [
        Exposed(number=row[0], cashback_id=row[1], amount=row[2], signer=Address(row[3]), nonce=row[4])
        for row in await cursor.fetchall()
    ]
