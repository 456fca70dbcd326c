"""Edits: names that people give, and nobody's change undone by somebody who has not seen it.

lock the row ──▶ read it, as a statement of its own ──▶ is it what was seen? ──▶ change it
                                                            └── no ──▶ 412, and nothing is done

A repeat under its idempotency key is answered before any of it: what it has changed itself outdates it not.
"""

from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.entity import is_same_edition, tag_of
from cashback.purchases.model import Merchant, MerchantUnknown, Order, Outcome, Refused, User
from cashback.purchases.model.errors import MerchantOutdated, UserOutdated
from cashback.purchases.rules import problem_of_blanks, problem_of_text
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.presence import lock_present
from cashback.purchases.store import edits as store
from cashback.purchases.store import people


class MerchantName(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant is called from now on."""

    merchant_id: str
    name: str


class UserReference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the operator calls a user from now on, None for nothing."""

    user_id: str
    reference: str | None = None


class Edits:
    """Changes what people are called."""

    def __init__(self, orders: Orders) -> None:
        """Have each done once by `orders`."""
        self._orders = orders

    async def name_merchant(self, caller: Order, change: MerchantName, *, seen: str) -> Outcome:
        """Give a merchant another name, if it is still as `seen`; the answer is a `Merchant`."""
        if problem := problem_of_text(change.name, "/name"):
            return Refused(problem)
        order = msgspec.structs.replace(caller, what="change_merchant", terms=change)
        return await self._orders.do(order, lambda tx, _: _name_merchant(tx, change, seen))

    async def refer_to_user(self, caller: Order, change: UserReference, *, seen: str) -> Outcome:
        """Give a user another reference, or none, if they are still as `seen`; the answer is a `User`."""
        if problem := problem_of_text(change.reference, "/reference"):
            return Refused(problem)
        order = msgspec.structs.replace(caller, what="change_user", terms=change)
        return await self._orders.do(order, lambda tx, now: _refer_to_user(tx, change, seen, now=now))


async def seen_user(tx: Tx, user_id: str, seen: str | None) -> User:
    """Return a user whom nobody else changes until `tx` ends, and who is as `seen` if anybody says what they saw.

    Raises:
        UserUnknown: there is none.
        UserOutdated: somebody has changed them since.
    """
    user = await lock_present(tx, user_id)
    if seen is not None and not is_same_edition(seen, tag_of(user)):
        raise UserOutdated("somebody has changed the user since: read them again", parameter="If-Match")
    return user


async def seen_merchant(tx: Tx, merchant_id: str, seen: str | None) -> Merchant:
    """Return a merchant that nobody else changes until `tx` ends, as `seen_user` does.

    Raises:
        MerchantUnknown: there is none.
        MerchantOutdated: somebody has changed it since.
    """
    await store.lock_merchant(tx, merchant_id)
    merchant = await people.read_merchant(tx, merchant_id)
    if merchant is None:
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    if seen is not None and not is_same_edition(seen, tag_of(merchant)):
        raise MerchantOutdated("somebody has changed the merchant since: read it again", parameter="If-Match")
    return merchant


async def _name_merchant(tx: Tx, change: MerchantName, seen: str) -> Merchant:
    """Return the merchant with its new name.

    Raises:
        FieldInvalid, MerchantUnknown, MerchantOutdated: nothing is changed.
    """
    # Here and not before, for what was taken once is answered as then.
    if problem := problem_of_blanks(change.name, "/name"):
        raise problem
    merchant = await seen_merchant(tx, change.merchant_id, seen)
    await store.name_merchant(tx, merchant.id, change.name)
    return msgspec.structs.replace(merchant, name=change.name)


async def _refer_to_user(tx: Tx, change: UserReference, seen: str, *, now: datetime) -> User:
    """Return the user with the new reference.

    Raises:
        UserUnknown, UserOutdated: nothing is changed.
    """
    user = await seen_user(tx, change.user_id, seen)
    await store.refer_to_user(tx, user.id, change.reference, at=now)
    return msgspec.structs.replace(user, reference=change.reference)
