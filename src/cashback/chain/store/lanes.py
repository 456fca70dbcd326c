"""Lanes: one per signer, with its next nonce, what it waits for, and whether it takes anything new."""

from collections.abc import Collection

from cashback.chain.model import Address, Lane, LaneState, Person
from cashback.kernel.db import Tx


async def open_lane(tx: Tx, *, address: Address, next_nonce: int) -> None:
    """Make the lane of one signer, starting at `next_nonce`; a lane that exists stays as it is."""
    await tx.execute(
        """
        insert into chain.lanes (address, next_nonce)
        values (%(address)s, %(next_nonce)s)
        on conflict (address) do nothing
        """,
        {"address": address, "next_nonce": next_nonce},
    )


async def lanes(tx: Tx) -> list[Lane]:
    """Return every lane, and where its slots stand."""
    cursor = await tx.execute(
        """
        select lanes.id, lanes.address, lanes.next_nonce, lanes.waits_for, lanes.state,
               coalesce(least(opened.first, mined.first), lanes.next_nonce), opened.count
        from chain.lanes
        cross join lateral (
            select min(nonce) as first, count(*) as count
            from chain.slots
            where slots.lane = lanes.id
              and slots.state = 'open'
        ) as opened
        cross join lateral (
            select min(nonce) as first
            from chain.slots
            where slots.lane = lanes.id
              and slots.state = 'mined'
        ) as mined
        order by lanes.id
        """
    )
    return [
        Lane(
            id=row[0],
            address=Address(row[1]),
            next_nonce=row[2],
            waits_for=row[3],
            state=row[4],
            final_nonce=row[5],
            open_slots=row[6],
        )
        for row in await cursor.fetchall()
    ]


async def waits(tx: Tx, signers: Collection[Address]) -> list[tuple[Address, str]]:
    """Return what lanes of these signers wait for; those that wait for nothing are left out."""
    cursor = await tx.execute(
        """
        select address, waits_for
        from chain.lanes
        where address = any(%(signers)s)
          and waits_for is not null
        order by id
        """,
        {"signers": list(signers)},
    )
    return [(Address(row[0]), row[1]) for row in await cursor.fetchall()]


async def advance(tx: Tx, *, lane: int, expected: int, by: int) -> bool:
    """Reserve `by` nonces from `expected` on, and end what the lane had announced to take.

    False when its next nonce is another by now (I9), or the announcement ran out: others may take the same since.
    """
    cursor = await tx.execute(
        """
        update chain.lanes
        set next_nonce = next_nonce + %(by)s,
            taking_first = null,
            taking_last = null,
            taking_amount = null,
            taking_until = null
        where id = %(lane)s
          and next_nonce = %(expected)s
          and taking_until > clock_timestamp()
        """,
        {"lane": lane, "expected": expected, "by": by},
    )
    return cursor.rowcount == 1


async def wait_for(tx: Tx, *, lane: int, reason: str | None) -> bool:
    """Note what the lane waits for, None for nothing; return whether that is news."""
    cursor = await tx.execute(
        """
        update chain.lanes
        set waits_for = %(reason)s
        where id = %(lane)s
          and waits_for is distinct from %(reason)s
        """,
        {"lane": lane, "reason": reason},
    )
    return cursor.rowcount == 1


async def set_state(tx: Tx, *, lane: int, state: LaneState, by: Person, because: str) -> bool:
    """Let a lane take mints (`active`) or only finish what it has (`draining`), and journal it.

    Return whether that is news; what is none is not journaled.
    """
    cursor = await tx.execute(
        """
        with changed as (
            update chain.lanes
            set state = %(state)s
            where id = %(lane)s
              and state <> %(state)s
            returning id, state
        )
        insert into chain.lane_journal (lane, state, reason, person, certificate)
        select id, state, %(because)s, %(person)s, %(certificate)s
        from changed
        """,
        {"lane": lane, "state": state, "because": because, "person": by.name, "certificate": by.certificate},
    )
    return cursor.rowcount == 1


async def lock_all(tx: Tx) -> None:
    """Keep every lane as it is until `tx` ends: of two that are to drain at once, one is looked at after the other."""
    await tx.execute(
        """
        select from chain.lanes
        order by id
        for update
        """
    )
