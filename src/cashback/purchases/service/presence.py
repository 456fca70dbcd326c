"""Users of whom something may be noted: they exist, and were not erased."""

from collections.abc import Mapping, Sequence

from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
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


def problem_of_owners(owners: Sequence[str], users: Mapping[str, User]) -> Rejected | None:
    """Return why one of these may not own a merchant, going by who is a user: nobody, or nobody any more."""
    for place, owner in enumerate(owners):
        if owner not in users:
            return UserUnknown("there is no such user", pointer=f"/owners/{place}")
        if users[owner].erased_at is not None:
            return UserErased("the data of this user was erased, and they own nothing", pointer=f"/owners/{place}")
    return None


async def lock_owners(tx: Tx, merchants: Sequence[Sequence[str]]) -> None:
    """Have nobody erase, or change, who is to own one of these merchants until `tx` ends.

    Raises:
        UserUnknown, UserErased: there is no such user, or no more.
    """
    everybody = sorted({owner for owners in merchants for owner in owners})
    if not everybody:
        return
    await people.lock_users(tx, everybody)
    users = await people.read_users(tx, everybody)
    for owners in merchants:
        if problem := problem_of_owners(owners, users):
            raise problem
