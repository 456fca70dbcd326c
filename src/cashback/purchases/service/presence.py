"""Users of whom something may be noted: they exist, and were not erased."""

from cashback.kernel.db import Tx
from cashback.purchases.model import User, UserUnknown
from cashback.purchases.model.errors import UserErased
from cashback.purchases.store import people


async def lock_present(tx: Tx, user_id: str) -> User:
    """Return a user whom nobody else changes, or erases, until `tx` ends.

    Raises:
        UserUnknown: there is none.
        UserErased: there is none any more.
    """
    await people.lock_users(tx, [user_id])
    user = (await people.read_users(tx, [user_id])).get(user_id)
    if user is None:
        raise UserUnknown("there is no such user", parameter="user_id")
    if user.erased_at is not None:
        raise UserErased("the data of this user was erased, and nothing is noted again", parameter="user_id")
    return user
