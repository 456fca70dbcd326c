"""What the sweep looks for: whatever an event should have moved and did not."""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx
from cashback.ledger.model import Reissue


async def overdue(tx: Tx, *, now: datetime, besides: Sequence[str], limit: int) -> list[str]:
    """Return requests whose outcome is overdue, longest first, save those named."""
    cursor = await tx.execute(
        """
        select id
        from ledger.cashback_ledger
        where state = 'mint_requested'
          and reissue_after <= %(now)s
          and id <> all(%(besides)b::text[])
        order by reissue_after
        limit %(limit)s
        """,
        {"now": now, "besides": list(besides), "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def lock_overdue(tx: Tx, cashback_ids: Sequence[str], *, now: datetime) -> list[Reissue]:
    """Return those of these whose outcome is still overdue, locked; whatever another sweep holds is its."""
    cursor = await tx.execute(
        """
        select id, request, traceparent, reissues
        from ledger.cashback_ledger
        where id = any(%(ids)b::text[])
          and state = 'mint_requested'
          and reissue_after <= %(now)s
        order by position
        for update skip locked
        """,
        {"ids": list(cashback_ids), "now": now},
    )
    return [Reissue(id=row[0], request=row[1], traceparent=row[2], reissues=row[3]) for row in await cursor.fetchall()]


async def postpone(tx: Tx, cashback_ids: Sequence[str], reissue_after: Sequence[datetime]) -> None:
    """Count one more publication of each request, and set when its outcome is overdue again."""
    await tx.execute(
        """
        update ledger.cashback_ledger as cashback
        set reissues = cashback.reissues + 1,
            reissue_after = given.reissue_after
        from unnest(%(ids)b::text[], %(after)b::timestamptz[]) as given (id, reissue_after)
        where cashback.id = given.id
          and cashback.state = 'mint_requested'
        """,
        {"ids": list(cashback_ids), "after": list(reissue_after)},
    )


async def missed(tx: Tx, *, after_position: int, until: datetime, limit: int) -> list[tuple[int, str, bool]]:
    """Return (position, id, has a wallet) of cashbacks that were approved before `until`, by position."""
    cursor = await tx.execute(
        """
        select cashback.position, cashback.id, recipient.user_id is not null
        from ledger.cashback_ledger as cashback
        left join ledger.recipients as recipient using (user_id)
        where cashback.state = 'approved'
          and cashback.position > %(after)s
          and cashback.approved_at < %(until)s
        order by cashback.position
        limit %(limit)s
        """,
        {"after": after_position, "until": until, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def linked(tx: Tx, *, besides: Sequence[str], limit: int) -> list[str]:
    """Return users whose wallet is new and whose waiting cashbacks nobody requested yet, oldest link first."""
    cursor = await tx.execute(
        """
        select user_id
        from ledger.recipients
        where released_at is null
          and user_id <> all(%(besides)b::text[])
        order by linked_at
        limit %(limit)s
        """,
        {"besides": list(besides), "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def lock_linked(tx: Tx, users: Sequence[str]) -> list[str]:
    """Return those of these users who still wait for their release, locked; whatever another sweep holds is its."""
    cursor = await tx.execute(
        """
        select user_id
        from ledger.recipients
        where user_id = any(%(users)b::text[])
          and released_at is null
        order by user_id
        for update skip locked
        """,
        {"users": list(users)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def waiting_of(tx: Tx, users: Sequence[str], *, limit: int) -> list[str]:
    """Return ids of approved cashbacks of those users, user by user, at most `limit`.

    Those of a paused programme are left out: they cannot move, and whoever walks over what was missed finds them later.
    """
    cursor = await tx.execute(
        """
        select cashback.id
        from ledger.cashback_ledger as cashback
        join ledger.programmes as programme on programme.id = cashback.programme_id
        where cashback.user_id = any(%(users)b::text[])
          and cashback.state = 'approved'
          and programme.paused_at is null
        order by cashback.user_id, cashback.position
        limit %(limit)s
        """,
        {"users": list(users), "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def mark_released(tx: Tx, users: Sequence[str], *, at: datetime) -> None:
    """Note that nothing of those users waits for their wallet any more; what is paused waits for its programme."""
    await tx.execute(
        """
        update ledger.recipients
        set released_at = %(at)s
        where user_id = any(%(users)b::text[])
        """,
        {"users": list(users), "at": at},
    )
