"""Users of whom something may be noted: they exist."""

from cashback.kernel.db import Tx
from cashback.purchases.model import User, UserUnknown
from cashback.purchases.store import people


async def lock_present(tx: Tx, user_id: str) -> User:
    """Return a user whom nobody else changes until `tx` ends.

    Raises:
        UserUnknown: there is none.
    """
    await people.lock_users(tx, [user_id])
    user = (await people.read_users(tx, [user_id])).get(user_id)
    if user is None:
        raise UserUnknown("there is no such user", parameter="user_id")
    return user
