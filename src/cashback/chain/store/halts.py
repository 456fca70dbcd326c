"""The halt switch in `network` and the journal of its turns: who turned it, when and why, written once."""

from typing import Final

from cashback.chain.model import Halt, Person
from cashback.kernel.db import Tx

BY_HAND: Final = "by_hand"
"""The reason of a halt that a person ordered; what the person said is its detail."""
LISTED_MAX: Final = 100
_ITSELF: Final = "adapter"
"""Who halts when what is seen cannot be true."""


async def halt(tx: Tx, reason: str, *, detail: str = "") -> bool:
    """Halt minting; return whether it was not halted before: the first reason stays; `detail` is at most 500 long."""
    cursor = await tx.execute(
        """
        with halted as (
            update chain.network
            set halted_reason = %(reason)s,
                halted_at = clock_timestamp()
            where halted_reason is null
            returning halted_reason
        )
        insert into chain.halt_journal (act, reason, detail, person)
        select 'halted', halted_reason, %(detail)s, %(itself)s
        from halted
        """,
        {"reason": reason, "detail": detail, "itself": _ITSELF},
    )
    return cursor.rowcount == 1


async def halt_by_hand(tx: Tx, *, by: Person, detail: str) -> bool:
    """Halt minting in the name of a person; return whether it was not halted before, and journal it either way.

    Locks the switch even when it is on already: whoever lifts the halts beside this either sees this one or is waited
    for, and then minting is halted again.
    """
    cursor = await tx.execute(
        """
        with before as (
            select halted_reason
            from chain.network
            for update
        ), journaled as (
            insert into chain.halt_journal (act, reason, detail, person, certificate)
            select 'halted', %(reason)s, %(detail)s, %(person)s, %(certificate)s
            from before
        )
        update chain.network
        set halted_reason = coalesce(before.halted_reason, %(reason)s),
            halted_at = coalesce(halted_at, clock_timestamp())
        from before
        returning before.halted_reason is null
        """,
        {"reason": BY_HAND, "detail": detail, "person": by.name, "certificate": by.certificate},
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def lock(tx: Tx) -> None:
    """Keep everybody else from turning the switch until `tx` ends."""
    await tx.execute(
        """
        select from chain.network
        for update
        """
    )


async def resume(tx: Tx, *, by: Person, because: str) -> str | None:
    """Lift the halt in the name of a person; return the reason for which minting was halted, None if it was not."""
    cursor = await tx.execute(
        """
        with before as (
            select halted_reason
            from chain.network
            where halted_reason is not null
            for update
        ), lifted as (
            update chain.network
            set halted_reason = null,
                halted_at = null
            from before
        )
        insert into chain.halt_journal (act, reason, detail, person, certificate)
        select 'resumed', halted_reason, %(because)s, %(person)s, %(certificate)s
        from before
        returning reason
        """,
        {"because": because, "person": by.name, "certificate": by.certificate},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def list_open(tx: Tx) -> list[Halt]:
    """Return the halts that nobody has lifted, oldest first, at most 100; empty when minting is not halted.

    A switch that was set by SQL has no entry in the journal, and is told all the same.
    """
    cursor = await tx.execute(
        """
        select coalesce(entry.reason, network.halted_reason),
               coalesce(entry.detail, ''),
               coalesce(entry.person, 'somebody with SQL'),
               entry.certificate,
               (extract(epoch from coalesce(entry.at, network.halted_at)) * 1000)::bigint
        from chain.network
        left join chain.halt_journal as entry
            on entry.act = 'halted'
            and entry.id > coalesce((select max(id) from chain.halt_journal where act = 'resumed'), 0)
        where network.halted_reason is not null
        order by entry.id
        limit %(limit)s
        """,
        {"limit": LISTED_MAX},
    )
    return [
        Halt(reason=row[0], detail=row[1], by=Person(row[2], row[3]), at_ms=row[4]) for row in await cursor.fetchall()
    ]
