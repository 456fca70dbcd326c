"""What recovering found, for whoever ordered it, and the journal of who did, when and why."""

from typing import Final

from cashback.chain.model import Address, AdoptedLane, Hash, Person, Place, Recovered, TakenBack, UnknownMint
from cashback.kernel.db import Tx

LISTED_MAX: Final = 1_000


async def taken_back_after(tx: Tx, *, sequence: int) -> list[TakenBack]:
    """Return the first mints whose outcome was taken back at a later place of the stream, at most 1,000, in order."""
    cursor = await tx.execute(
        """
        select number, mints.cashback_id, mints.amount, outcomes.block_number, outcomes.block_hash,
               outcomes.transaction_hash, coalesce(outcomes.reason, '')
        from chain.outcomes
        join chain.mints using (number)
        where outcomes.sequence > %(sequence)s
          and outcomes.kind = 'reverted'
        order by outcomes.sequence
        limit %(limit)s
        """,
        {"sequence": sequence, "limit": LISTED_MAX},
    )
    return [
        TakenBack(
            number=row[0],
            cashback_id=row[1],
            amount=row[2],
            place=Place(row[3], Hash(row[4]), Hash(row[5])),
            reason=row[6],
        )
        for row in await cursor.fetchall()
    ]


async def unknown_mints(tx: Tx) -> tuple[list[UnknownMint], int]:
    """Return the first mints of the chain that nobody has submitted here, at most 1,000 by number, and the count."""
    cursor = await tx.execute(
        """
        select number, recipient, amount, transaction_hash, block_number, count(*) over ()
        from chain.used_numbers
        where verdict = 'minted'
          and not exists (
              select
              from chain.mints
              where mints.number = used_numbers.number
          )
        order by number
        limit %(limit)s
        """,
        {"limit": LISTED_MAX},
    )
    rows = await cursor.fetchall()
    found = [
        UnknownMint(
            number=int(row[0]),
            recipient=Address(row[1]),
            amount=int(row[2]),
            transaction_hash=row[3],
            block_number=row[4],
        )
        for row in rows
    ]
    return found, rows[0][5] if rows else 0


async def note_lane(tx: Tx, *, recovery: int, lane: int, adopted: AdoptedLane) -> None:
    """Keep which nonces a lane was set forward over."""
    await tx.execute(
        """
        insert into chain.recovered_lanes (recovery, lane, next_nonce_before, next_nonce, closed_slots)
        values (%(recovery)s, %(lane)s, %(before)s, %(next_nonce)s, %(closed_slots)s)
        """,
        {
            "recovery": recovery,
            "lane": lane,
            "before": adopted.next_nonce_before,
            "next_nonce": adopted.next_nonce,
            "closed_slots": adopted.closed_slots,
        },
    )


async def note(tx: Tx, recovered: Recovered, *, last_sequence: int, by: Person, because: str) -> int:
    """Keep who had what changed and why; return the entry's number."""
    cursor = await tx.execute(
        """
        insert into chain.recoveries
            (reason, person, certificate, reorganised_above, taken_back, waiting_again, epoch_before, epoch,
             last_sequence)
        values
            (%(because)s, %(person)s, %(certificate)s, %(above)s, %(taken_back)s, %(waiting_again)s,
             %(epoch_before)s, %(epoch)s, %(last_sequence)s)
        returning id
        """,
        {
            "because": because,
            "person": by.name,
            "certificate": by.certificate,
            "above": recovered.reorganised_above,
            "taken_back": recovered.taken_back_count,
            "waiting_again": recovered.waiting_again,
            "epoch_before": recovered.epoch_before,
            "epoch": recovered.epoch,
            "last_sequence": last_sequence,
        },
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
