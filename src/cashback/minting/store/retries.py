"""What an operator may read and change of a mint: its state, and that it is due."""

from cashback.kernel.db import Tx
from cashback.minting.model import MintState


async def lock(tx: Tx, number: int) -> tuple[MintState, str | None] | None:
    """Return state and reason of a mint, locked until `tx` ends; None when nobody requested it."""
    cursor = await tx.execute(
        """
        select state, reason
        from minting.mints
        where number = %(number)s
        for update
        """,
        {"number": number},
    )
    row = await cursor.fetchone()
    return None if row is None else (MintState(row[0]), row[1])


async def request_again(tx: Tx, number: int) -> None:
    """Make a mint due now; one that is stuck is as if it had just been requested."""
    await tx.execute(
        """
        update minting.mints
        set state = case state when 'stuck' then 'requested' else state end,
            submit_after = now(),
            decided_at = null,
            reason = null
        where number = %(number)s
          and state <> 'minted'
        """,
        {"number": number},
    )


async def note(tx: Tx, number: int, *, state: MintState, reason: str | None, by: str, because: str) -> None:
    """Keep who had a mint tried again, and what it was until then."""
    await tx.execute(
        """
        insert into minting.mint_journal (number, was_state, was_reason, because, person)
        values (%(number)s, %(state)s, %(reason)s, %(because)s, %(by)s)
        """,
        {"number": number, "state": state.value, "reason": reason, "because": because, "by": by},
    )
