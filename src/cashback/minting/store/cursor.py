"""The cursor: up to where the adapter's outcomes are applied."""

from cashback.kernel.db import Tx
from cashback.minting.model import Cursor


async def read(tx: Tx) -> Cursor:
    """Return the cursor."""
    found = await tx.execute(
        """
        select epoch, sequence, number
        from minting.outcome_cursor
        """
    )
    row = await found.fetchone()
    return Cursor() if row is None else Cursor(epoch=row[0], sequence=row[1], number=row[2])


async def move(tx: Tx, *, before: Cursor, after: Cursor) -> bool:
    """Move the cursor, and tell whether it still stood at `before`; otherwise nothing is changed.

    It is the first statement of an application: a cursor that somebody set back is seen before anything is applied.
    """
    moved = await tx.execute(
        """
        update minting.outcome_cursor
        set epoch = %(epoch)s,
            sequence = %(sequence)s,
            number = %(number)s
        where epoch = %(epoch_before)s
          and sequence = %(sequence_before)s
        """,
        {
            "epoch": after.epoch,
            "sequence": after.sequence,
            "number": after.number,
            "epoch_before": before.epoch,
            "sequence_before": before.sequence,
        },
    )
    return moved.rowcount == 1


async def set_back(tx: Tx) -> None:
    """Let the stream be read again from its beginning; what was applied is applied again without effect."""
    await tx.execute(
        """
        update minting.outcome_cursor
        set sequence = 0,
            number = 0
        """
    )
