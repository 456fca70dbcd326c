"""What people are called, as it is changed; and the row of a merchant that is."""

from datetime import datetime

from cashback.kernel.db import Tx


async def lock_merchant(tx: Tx, merchant_id: str) -> None:
    """Have everybody else who changes a merchant wait until `tx` ends."""
    await tx.execute(
        """
        select
        from purchases.merchants
        where id = %(id)s
        for no key update
        """,
        {"id": merchant_id},
    )


async def name_merchant(tx: Tx, merchant_id: str, name: str) -> None:
    """Give a merchant that there is another name."""
    await tx.execute(
        """
        update purchases.merchants
        set name = %(name)s
        where id = %(id)s
        """,
        {"id": merchant_id, "name": name},
    )


async def refer_to_user(tx: Tx, user_id: str, reference: str | None, *, at: datetime) -> None:
    """Give a user whom there is another reference, or none, and note when."""
    await tx.execute(
        """
        with changed as (
            update purchases.users
            set reference = %(reference)s
            where id = %(id)s
            returning id
        )
        insert into purchases.reference_changes (user_id, at)
        select id, %(at)s
        from changed
        """,
        {"id": user_id, "reference": reference, "at": at},
    )
