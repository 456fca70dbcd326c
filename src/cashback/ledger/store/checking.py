"""What a check of the evidence reads, a page at a time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model import Leaf, Line, Seal
from cashback.ledger.store.evidence import LINE, LINE_SOURCES, leaf_of, line_of, seal_of

_SEAL: Final = "number, first_leaf, last_leaf, root, head, previous, sealed_at, hash"
_LEAF_COLUMNS: Final = 5


async def leaves(tx: Tx, *, after: int, until: int | None, limit: int) -> list[tuple[Leaf, Line | None]]:
    """Return leaves after a number, up to another, each with the transfer that stands in the books now."""
    cursor = await tx.execute(
        f"""
        select leaf.number, leaf.xact::text::bigint, leaf.position, leaf.bytes, leaf.hash, {LINE}
        from (
            select *
            from ledger.leaves
            where number > %(after)s
              and (%(until)s::bigint is null or number <= %(until)s)
            order by number
            limit %(limit)s
        ) as leaf
        left join (
            ledger.transfers as transfer
            {LINE_SOURCES}
        ) on transfer.position = leaf.position
        order by leaf.number
        """,
        {"after": after, "until": until, "limit": limit},
    )
    return [
        (leaf_of(row), None if row[_LEAF_COLUMNS] is None else line_of(row[_LEAF_COLUMNS:]))
        for row in await cursor.fetchall()
    ]


async def seals(tx: Tx, *, after: int, limit: int) -> list[tuple[Seal, bytes]]:
    """Return seals after a number, each with the hash that was stored for it."""
    cursor = await tx.execute(
        f"""
        select {_SEAL}
        from ledger.seals
        where number > %(after)s
        order by number
        limit %(limit)s
        """,
        {"after": after, "limit": limit},
    )
    return [(seal_of(row), row[-1]) for row in await cursor.fetchall()]


async def seal(tx: Tx, number: int) -> Seal | None:
    """Return one seal, or None when there is none."""
    found = await seals(tx, after=number - 1, limit=1)
    return found[0][0] if found and found[0][0].number == number else None


async def last_position(tx: Tx) -> int:
    """Return the highest position of a transfer, 0 when there is none."""
    cursor = await tx.execute(
        """
        select coalesce(max(position), 0)
        from ledger.transfers
        """
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def unchained(
    tx: Tx, *, after: int, until: int, since: Leaf | None, last: Leaf | None
) -> tuple[int, tuple[int, datetime] | None]:
    """Return how many transfers of a stretch of positions wait for their leaf, and the first that never gets one.

    What sorts behind the last leaf waits; what sorts before it, and behind `since`, was not there when it was passed.
    """
    cursor = await tx.execute(
        """
        select count(*) filter (where is_waiting), min(position) filter (where not is_waiting),
               min(at) filter (where not is_waiting)
        from (
            select position, at, (xact, position) > (%(last_xact)s::xid8, %(last_position)s) as is_waiting
            from ledger.transfers as transfer
            where position > %(after)s
              and position <= %(until)s
              and (xact, position) > (%(since_xact)s::xid8, %(since_position)s)
              and not exists (select from ledger.leaves where leaves.position = transfer.position)
        ) as transfer
        """,
        {
            "after": after,
            "until": until,
            "since_xact": str(since.xact) if since else "0",
            "since_position": since.position if since else 0,
            "last_xact": str(last.xact) if last else "0",
            "last_position": last.position if last else 0,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        return 0, None
    return int(row[0]), None if row[1] is None else (row[1], row[2])


async def slipped_in(tx: Tx, positions: Sequence[int]) -> tuple[int, datetime] | None:
    """Return the first of these transfers that has no leaf and sorts before the last leaf: it never gets one."""
    cursor = await tx.execute(
        """
        select position, at
        from ledger.transfers as transfer
        where position = any(%(positions)b::bigint[])
          and not exists (select from ledger.leaves where leaves.position = transfer.position)
          and (xact, position) < (select xact, position from ledger.leaves order by number desc limit 1)
        order by position
        limit 1
        """,
        {"positions": list(positions)},
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])
