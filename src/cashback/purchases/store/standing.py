"""Who may earn at present, and the journals of who said so; rows of a journal stay as they are."""

from datetime import datetime

from cashback.kernel.db import Tx
from cashback.purchases.model.standing import ActivityItem, BlockItem, MerchantActivity, UserBlock


async def set_block(tx: Tx, block: UserBlock, *, at: datetime) -> bool | None:
    """Block a user or end that, and keep who says so if it is news; return whether it is, None when there is no user.

    Nobody else changes the user until `tx` ends. Purchases read the row and wait for nothing.
    """
    cursor = await tx.execute(
        """
        with before as (
            select id, is_blocked
            from purchases.users
            where id = %(id)s
            for no key update
        ),
        changed as (
            update purchases.users
            set is_blocked = %(blocked)s
            from before
            where users.id = before.id
              and before.is_blocked <> %(blocked)s
            returning users.id
        ),
        noted as (
            insert into purchases.user_blocks (user_id, is_blocked, person, reason, at)
            select id, %(blocked)s, %(person)s, %(reason)s, %(at)s
            from changed
        )
        select is_blocked <> %(blocked)s
        from before
        """,
        {"id": block.user_id, "blocked": block.is_blocked, "person": block.person, "reason": block.reason, "at": at},
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def blocks(tx: Tx, user_id: str, *, before: int, limit: int) -> dict[int, BlockItem]:
    """Return what was said of a user below a position of the journal, by position, newest first."""
    cursor = await tx.execute(
        """
        select position, is_blocked, person, reason, at
        from purchases.user_blocks
        where user_id = %(id)s
          and position < %(before)s
        order by position desc
        limit %(limit)s
        """,
        {"id": user_id, "before": before, "limit": limit},
    )
    return {
        row[0]: BlockItem(is_blocked=row[1], person=row[2], reason=row[3], at=row[4]) for row in await cursor.fetchall()
    }


async def set_activity(tx: Tx, activity: MerchantActivity, *, at: datetime) -> bool | None:
    """Deactivate a merchant or end that, as `set_block` does with a user; None when there is no merchant."""
    cursor = await tx.execute(
        """
        with before as (
            select id, is_active
            from purchases.merchants
            where id = %(id)s
            for no key update
        ),
        changed as (
            update purchases.merchants
            set is_active = %(active)s
            from before
            where merchants.id = before.id
              and before.is_active <> %(active)s
            returning merchants.id
        ),
        noted as (
            insert into purchases.merchant_deactivations (merchant_id, is_active, person, reason, at)
            select id, %(active)s, %(person)s, %(reason)s, %(at)s
            from changed
        )
        select is_active <> %(active)s
        from before
        """,
        {
            "id": activity.merchant_id,
            "active": activity.is_active,
            "person": activity.person,
            "reason": activity.reason,
            "at": at,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else bool(row[0])


async def deactivations(tx: Tx, merchant_id: str, *, before: int, limit: int) -> dict[int, ActivityItem]:
    """Return what was said of a merchant below a position of the journal, by position, newest first."""
    cursor = await tx.execute(
        """
        select position, is_active, person, reason, at
        from purchases.merchant_deactivations
        where merchant_id = %(id)s
          and position < %(before)s
        order by position desc
        limit %(limit)s
        """,
        {"id": merchant_id, "before": before, "limit": limit},
    )
    return {
        row[0]: ActivityItem(is_active=row[1], person=row[2], reason=row[3], at=row[4])
        for row in await cursor.fetchall()
    }
