"""What an auditor asks: which nonces break what must hold of them, and which attempts carried a mint."""

from collections.abc import Mapping

from cashback.chain.model import Address, AttemptView, Hash, NonceFault
from cashback.kernel.db import Tx


async def nonce_faults(
    tx: Tx, *, final_nonces: Mapping[Address, int], final_block: int, limit: int
) -> list[NonceFault]:
    """Return nonces that break I9, at most `limit`; none when all is well.

    `final_nonces` is how many nonces of each lane's signer the chain has used up to `final_block`. Every nonce from the
    lane's first to its newest has one slot; those the chain has used are final with exactly one mined attempt, and of
    the others none was mined by then. A no-op may have been overtaken by what it was to replace, and an adopted nonce
    was used by what the records do not know.
    """
    cursor = await tx.execute(
        """
        with lane as (
            select lanes.id, lanes.address, lanes.next_nonce, given.final_nonce,
                   coalesce(
                       least(
                           (select min(nonce) from chain.slots where slots.lane = lanes.id),
                           (select min(nonce) from chain.blockchain_transactions as attempts
                            where attempts.lane = lanes.id)
                       ),
                       lanes.next_nonce
                   ) as first_nonce
            from unnest(%(addresses)s::bytea[], %(final_nonces)s::bigint[]) as given (address, final_nonce)
            join chain.lanes using (address)
        ),
        walked as (
            select lane.address, place.nonce, place.nonce < lane.final_nonce as is_final, slots.state, slots.kind,
                   (select count(*)
                    from chain.blockchain_transactions as attempts
                    where attempts.lane = lane.id
                      and attempts.nonce = place.nonce
                      and attempts.block_number <= %(final_block)s) as mined
            from lane
            cross join lateral generate_series(
                lane.first_nonce, greatest(lane.next_nonce, lane.final_nonce) - 1) as place (nonce)
            left join chain.slots
              on slots.lane = lane.id
             and slots.nonce = place.nonce
        )
        select address, nonce, is_final, state, mined
        from walked
        where state is null
           or mined <> is_final::integer and not (kind in ('noop', 'adopted') and mined = 0)
           or is_final and state <> 'final'
        order by address, nonce
        limit %(limit)s
        """,
        {
            "addresses": list(final_nonces),
            "final_nonces": list(final_nonces.values()),
            "final_block": final_block,
            "limit": limit,
        },
    )
    return [
        NonceFault(address=Address(row[0]), nonce=row[1], is_final=row[2], state=row[3], mined=row[4])
        for row in await cursor.fetchall()
    ]


async def attempts_at(tx: Tx, number: int, *, limit: int) -> list[AttemptView]:
    """Return the attempts at the nonce that carries a mint now, oldest first, at most `limit`; none when none does."""
    cursor = await tx.execute(
        """
        select attempts.hash, lanes.address, attempts.nonce, attempts.max_fee_wei, attempts.tip_wei,
               attempts.stored_at, attempts.sends, attempts.sent_at, attempts.answer, attempts.answer_detail,
               attempts.block_number
        from chain.mints
        join chain.lanes
          on lanes.id = mints.lane
        join chain.blockchain_transactions as attempts
          on attempts.lane = mints.lane
         and attempts.nonce = mints.nonce
        where mints.number = %(number)s
        order by attempts.place
        limit %(limit)s
        """,
        {"number": number, "limit": limit},
    )
    return [
        AttemptView(
            hash=Hash(row[0]),
            signer=Address(row[1]),
            nonce=row[2],
            max_fee_wei=row[3],
            tip_wei=row[4],
            stored_at=row[5],
            sends=row[6],
            sent_at=row[7],
            answer=row[8],
            answer_detail=row[9],
            block_number=row[10],
        )
        for row in await cursor.fetchall()
    ]
