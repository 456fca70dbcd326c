"""Leaves and seals, and the transfers that may become leaves."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.ledger.model import Leaf, Line, Seal, Side

LINE: Final = """
    transfer.position, transfer.xact::text::bigint, debit.id, debit.owner, debit.kind, debit_balance_after, credit.id,
    credit.owner, credit.kind, credit_balance_after, transfer.currency, amount, cause, transfer.cashback_id, at,
    effective_at, sha256(decision.document)
"""
LINE_SOURCES: Final = """
    join ledger.accounts as debit on debit.id = transfer.debit_account
    join ledger.accounts as credit on credit.id = transfer.credit_account
    left join lateral (
        select document
        from ledger.decisions
        where decisions.cashback_id = transfer.cashback_id
          and cause = 'accrual'
        order by sequence desc
        limit 1
    ) as decision on true
"""
_LEAF: Final = "number, xact::text::bigint, position, bytes, hash"
_SEAL: Final = "number, first_leaf, last_leaf, root, head, previous, sealed_at"


async def last_leaf(tx: Tx) -> Leaf | None:
    """Return the newest leaf, or None when nothing was chained yet."""
    cursor = await tx.execute(
        f"""
        select {_LEAF}
        from ledger.leaves
        order by number desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else leaf_of(row)


async def is_transplanted(tx: Tx) -> bool:
    """Tell whether a transfer names a transaction that this server has not begun yet: it came here from another one."""
    cursor = await tx.execute(
        """
        select coalesce(max(xact) >= pg_snapshot_xmax(pg_current_snapshot()), false)
        from ledger.transfers
        """
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def settled(tx: Tx, *, after: Leaf | None, limit: int) -> list[Line]:
    """Return the transfers after those of a leaf whose order nothing can change any more, in that order.

    One statement, so that the horizon is that of the very snapshot that reads the rows: what is older than every
    transaction in progress has committed, and is seen here, or never will.
    """
    cursor = await tx.execute(
        f"""
        select {LINE}
        from (
            select *
            from ledger.transfers
            where (xact, position) > (%(xact)s::xid8, %(position)s)
              and xact < pg_snapshot_xmin(pg_current_snapshot())
            order by xact, position
            limit %(limit)s
        ) as transfer
        {LINE_SOURCES}
        order by transfer.xact, transfer.position
        """,
        {"xact": str(after.xact) if after else "0", "position": after.position if after else 0, "limit": limit},
    )
    return [line_of(row) for row in await cursor.fetchall()]


async def insert_leaves(tx: Tx, leaves: Sequence[Leaf], *, at: datetime) -> int:
    """Store the leaves, and return how many of them had no leaf of their number or transfer before."""
    cursor = await tx.execute(
        """
        insert into ledger.leaves (number, xact, position, bytes, hash, chained_at)
        select number, xact::text::xid8, position, bytes, hash, %(at)s
        from unnest(%(numbers)b::bigint[], %(xacts)b::bigint[], %(positions)b::bigint[], %(contents)b::bytea[],
                    %(hashes)b::bytea[])
            as given (number, xact, position, bytes, hash)
        on conflict do nothing
        """,
        {
            "numbers": [leaf.number for leaf in leaves],
            "xacts": [leaf.xact for leaf in leaves],
            "positions": [leaf.position for leaf in leaves],
            "contents": [leaf.content for leaf in leaves],
            "hashes": [leaf.hash for leaf in leaves],
            "at": at,
        },
    )
    return cursor.rowcount


async def last_seal(tx: Tx) -> Seal | None:
    """Return the newest seal, or None when nothing was sealed yet."""
    cursor = await tx.execute(
        f"""
        select {_SEAL}
        from ledger.seals
        order by number desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else seal_of(row)


async def unsealed(tx: Tx, *, after_leaf: int, limit: int) -> tuple[list[Leaf], datetime | None]:
    """Return the leaves after a number, at most `limit` of them, and when the first of them was chained."""
    cursor = await tx.execute(
        f"""
        select {_LEAF}, chained_at
        from ledger.leaves
        where number > %(after)s
        order by number
        limit %(limit)s
        """,
        {"after": after_leaf, "limit": limit},
    )
    rows = await cursor.fetchall()
    return [leaf_of(row) for row in rows], rows[0][-1] if rows else None


async def insert_seal(tx: Tx, seal: Seal, *, hash_: bytes) -> None:
    """Store a seal."""
    await tx.execute(
        """
        insert into ledger.seals (number, first_leaf, last_leaf, root, head, previous, hash, sealed_at)
        values (%(number)s, %(first)s, %(last)s, %(root)b, %(head)b, %(previous)b, %(hash)b, %(at)s)
        """,
        {
            "number": seal.number,
            "first": seal.first_leaf,
            "last": seal.last_leaf,
            "root": seal.root,
            "head": seal.head,
            "previous": seal.previous,
            "hash": hash_,
            "at": seal.sealed_at,
        },
    )


def line_of(row: Sequence[Any]) -> Line:
    """Return one row of `LINE` as a transfer."""
    return Line(
        position=row[0],
        xact=row[1],
        debit=Side(account=row[2], owner=row[3], kind=row[4], balance_after=row[5]),
        credit=Side(account=row[6], owner=row[7], kind=row[8], balance_after=row[9]),
        currency=row[10],
        amount=row[11],
        cause=row[12],
        cashback_id=row[13],
        at=row[14],
        effective_at=row[15],
        decision=row[16],
    )


def leaf_of(row: Sequence[Any]) -> Leaf:
    """Return one row of leaves as a leaf."""
    return Leaf(number=row[0], xact=row[1], position=row[2], content=row[3], hash=row[4])


def seal_of(row: Sequence[Any]) -> Seal:
    """Return one row of seals as a seal."""
    return Seal(
        number=row[0], first_leaf=row[1], last_leaf=row[2], root=row[3], head=row[4], previous=row[5], sealed_at=row[6]
    )
