"""Which seals are published on the chain, and how far that is."""

from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.ledger.model import Anchor, AnchorStanding, AnchorState
from cashback.ledger.model.audits import AnchorStory, StoredSeal
from cashback.ledger.store.evidence import seal_of

_ANCHOR: Final = """
    select anchor.seal, seal.hash, seal.last_leaf, state, transaction_hash, block_number, minter
    from ledger.anchors as anchor
    join ledger.seals as seal on seal.number = anchor.seal
"""


async def under_way(tx: Tx) -> Anchor | None:
    """Return the newest anchor that was asked for and is neither final nor superseded, or None."""
    cursor = await tx.execute(
        f"""
        {_ANCHOR}
        where state not in ('final', 'superseded')
        order by anchor.seal desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else _anchor(row)


async def newest_final(tx: Tx, *, before_seal: int | None) -> Anchor | None:
    """Return the newest final anchor, of the seals before one when that is given; None without one."""
    cursor = await tx.execute(
        f"""
        {_ANCHOR}
        where state = 'final'
          and (%(before)s::bigint is null or anchor.seal < %(before)s)
        order by anchor.seal desc
        limit 1
        """,
        {"before": before_seal},
    )
    row = await cursor.fetchone()
    return None if row is None else _anchor(row)


async def last_asked_at(tx: Tx) -> datetime | None:
    """Return when the newest anchor was asked for, None when none ever was."""
    cursor = await tx.execute(
        """
        select asked_at
        from ledger.anchors
        order by seal desc
        limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def ask(tx: Tx, *, at: datetime) -> Anchor | None:
    """Choose the newest seal if none as new was chosen before, and return it; None when there is nothing new."""
    cursor = await tx.execute(
        """
        insert into ledger.anchors (seal, state, asked_at)
        select max(number), 'asked', %(at)s
        from ledger.seals
        having max(number) > coalesce((select max(seal) from ledger.anchors), 0)
        returning seal
        """,
        {"at": at},
    )
    return None if await cursor.fetchone() is None else await under_way(tx)


async def tell(tx: Tx, seal: int, standing: AnchorStanding, *, at: datetime) -> bool:
    """Store how far an anchor is, and tell whether that is news; what is superseded stays so."""
    cursor = await tx.execute(
        """
        update ledger.anchors
        set state = %(state)s,
            transaction_hash = %(transaction)s,
            block_number = %(block)s,
            minter = %(minter)s,
            told_at = %(at)s
        where seal = %(seal)s
          and state <> 'superseded'
          and (state, transaction_hash, block_number, minter)
              is distinct from (%(state)s, %(transaction)s, %(block)s::bigint, %(minter)s)
        """,
        {
            "seal": seal,
            "state": standing.state.value,
            "transaction": standing.transaction_hash,
            "block": standing.block_number,
            "minter": standing.minter,
            "at": at,
        },
    )
    return cursor.rowcount == 1


async def covering(tx: Tx, seal: int) -> Anchor | None:
    """Return the first final anchor of a seal or of one after it, else the first that is on its way, else None."""
    cursor = await tx.execute(
        f"""
        {_ANCHOR}
        where anchor.seal >= %(seal)s
          and state not in ('superseded', 'held', 'asked')
        order by state <> 'final', anchor.seal
        limit 1
        """,
        {"seal": seal},
    )
    row = await cursor.fetchone()
    return None if row is None else _anchor(row)


async def seals(tx: Tx, *, numbers_below: int, limit: int) -> list[StoredSeal]:
    """Return seals below a number, the newest first, each with its own anchor and with the first final one over it."""
    cursor = await tx.execute(
        """
        select seal.number, first_leaf, last_leaf, root, head, previous, sealed_at, hash, state, transaction_hash,
               block_number, minter, asked_at, told_at,
               (
                   select final.seal
                   from ledger.anchors as final
                   where final.seal >= seal.number
                     and final.state = 'final'
                   order by final.seal
                   limit 1
               )
        from ledger.seals as seal
        left join ledger.anchors as anchor on anchor.seal = seal.number
        where seal.number < %(below)s
        order by seal.number desc
        limit %(limit)s
        """,
        {"below": numbers_below, "limit": limit},
    )
    return [
        StoredSeal(
            seal=seal_of(row[:7]),
            hash=row[7],
            anchor=None if row[8] is None else _story(row[8:14]),
            anchored_by=row[14],
        )
        for row in await cursor.fetchall()
    ]


def _story(row: tuple[Any, ...]) -> AnchorStory:
    """Return the columns of an anchor as it is told."""
    return AnchorStory(
        state=AnchorState(row[0]),
        transaction_hash=row[1],
        block_number=None if row[2] is None else str(row[2]),
        minter=row[3],
        asked_at=row[4],
        told_at=row[5],
    )


def _anchor(row: tuple[Any, ...]) -> Anchor:
    """Return one row of `_ANCHOR` as an anchor."""
    return Anchor(
        seal=row[0],
        root=row[1],
        up_to=row[2],
        standing=AnchorStanding(state=AnchorState(row[3]), transaction_hash=row[4], block_number=row[5], minter=row[6]),
    )
