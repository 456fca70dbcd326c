"""The halts: why nothing is submitted, until a person lifts them."""

from collections.abc import Sequence
from typing import Any

from cashback.kernel.db import Tx
from cashback.minting.model import Halt, HaltKind


async def insert(tx: Tx, halts: Sequence[Halt]) -> int:
    """Store the halts that are not open already, and return how many are new."""
    cursor = await tx.execute(
        """
        insert into minting.halts (kind, number, cashback_id, detail)
        select kind, number, cashback_id, detail
        from unnest(%(kinds)s::text[], %(numbers)s::bigint[], %(cashback_ids)s::text[], %(details)s::text[])
            as given (kind, number, cashback_id, detail)
        on conflict do nothing
        """,
        {
            "kinds": [halt.kind.value for halt in halts],
            "numbers": [halt.number for halt in halts],
            "cashback_ids": [halt.cashback_id for halt in halts],
            "details": [halt.detail for halt in halts],
        },
    )
    return cursor.rowcount


async def list_open(tx: Tx, *, limit: int) -> list[Halt]:
    """Return the open halts, oldest first."""
    cursor = await tx.execute(
        """
        select kind, number, cashback_id, detail, raised_at, raised_by
        from minting.halts
        where lifted_at is null
        order by id
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [_to_halt(row) for row in await cursor.fetchall()]


async def are_open(tx: Tx) -> bool:
    """Tell whether any halt is open."""
    cursor = await tx.execute(
        """
        select exists (select from minting.halts where lifted_at is null)
        """
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def raise_by_hand(tx: Tx, *, by: str, detail: str) -> None:
    """Halt in the name of a person, about no mint."""
    await tx.execute(
        """
        insert into minting.halts (kind, number, cashback_id, detail, raised_by)
        values ('by_hand', 0, '', %(detail)s, %(by)s)
        """,
        {"detail": detail, "by": by},
    )


async def lift(tx: Tx, *, by: str, because: str) -> list[Halt]:
    """Lift every open halt in the name of a person, and return them, oldest first."""
    cursor = await tx.execute(
        """
        update minting.halts
        set lifted_at = now(),
            lifted_by = %(by)s,
            lifted_because = %(because)s
        where lifted_at is null
        returning kind, number, cashback_id, detail, raised_at, raised_by, id
        """,
        {"by": by, "because": because},
    )
    return [_to_halt(row) for row in sorted(await cursor.fetchall(), key=lambda row: row[6])]


def _to_halt(row: Sequence[Any]) -> Halt:
    """Return the halt in a row of kind, number, cashback, detail, instant and person."""
    return Halt(
        kind=HaltKind(row[0]), number=row[1], cashback_id=row[2], detail=row[3], raised_at=row[4], raised_by=row[5]
    )
