"""What rules ask about people: a merchant's category and owners, a user's tier."""

from collections.abc import Sequence
from datetime import datetime

from cashback.kernel.db import Tx


async def set_merchant(tx: Tx, merchant_id: str, *, mcc: str | None, owners: Sequence[str]) -> None:
    """Set the category and the owners of a merchant that there is."""
    await tx.execute(
        """
        update purchases.merchants
        set mcc = %(mcc)s,
            owners = %(owners)b::text[]
        where id = %(id)s
        """,
        {"id": merchant_id, "mcc": mcc, "owners": list(owners)},
    )


async def set_tier(tx: Tx, user_id: str, *, tier: str | None, since: datetime | None) -> None:
    """Set the tier of a user whom there is, and since when."""
    await tx.execute(
        """
        update purchases.users
        set tier = %(tier)s,
            tier_since = %(since)s
        where id = %(id)s
        """,
        {"id": user_id, "tier": tier, "since": since},
    )
