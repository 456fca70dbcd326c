"""What rules ask about people, as operators set it: a merchant's category and owners, a user's tier."""

from datetime import datetime
from functools import partial

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.instants import WANTED, is_in_range
from cashback.purchases.model import FieldInvalid, Merchant, MerchantUnknown, Order, Outcome, User, UserUnknown
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.presence import lock_present
from cashback.purchases.store import facts as store
from cashback.purchases.store import people


class MerchantFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A merchant's category (ISO 18245) and the users who own it; both are set, what is left out is none."""

    merchant_id: str
    mcc: str | None = None
    owners: tuple[str, ...] = ()


class TierChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A user's tier, None for none, and since when; no time means now."""

    user_id: str
    tier: str | None = None
    since: datetime | None = None


class Facts:
    """Sets what rules ask about people."""

    def __init__(self, orders: Orders) -> None:
        """Have each done once by `orders`."""
        self._orders = orders

    async def set_merchant(self, caller: Order, facts: MerchantFacts) -> Outcome:
        """Set a merchant's category and owners; the answer is a `Merchant`."""
        order = msgspec.structs.replace(caller, what="set_merchant_facts", terms=facts)
        return await self._orders.do(order, partial(_set_merchant, facts))

    async def set_tier(self, caller: Order, change: TierChange) -> Outcome:
        """Set a user's tier; the answer is a `User`."""
        order = msgspec.structs.replace(caller, what="set_tier", terms=change)
        return await self._orders.do(order, partial(_set_tier, change))


async def _set_merchant(facts: MerchantFacts, tx: Tx, now: datetime) -> Merchant:
    """Return the merchant with its new facts.

    Raises:
        MerchantUnknown: there is none.
        UserUnknown: one of the owners is no user.
        FieldInvalid: an owner is named twice.
    """
    del now
    known = await people.read_users(tx, sorted(set(facts.owners)))
    for place, owner in enumerate(facts.owners):
        if owner not in known:
            raise UserUnknown("an owner is a user", pointer=f"/owners/{place}")
        if owner in facts.owners[:place]:
            raise FieldInvalid("an owner is named once", pointer=f"/owners/{place}")
    if not await store.set_merchant(tx, facts.merchant_id, mcc=facts.mcc, owners=sorted(facts.owners)):
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    merchant = await people.read_merchant(tx, facts.merchant_id)
    if merchant is None:
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    return merchant


async def _set_tier(change: TierChange, tx: Tx, now: datetime) -> User:
    """Return the user with the new tier.

    Raises:
        UserUnknown, UserErased: there is none, or no more.
        FieldInvalid: a time goes with a tier, is in range, and not of the future.
    """
    since = change.since
    if since is not None and not is_in_range(since):
        raise FieldInvalid(WANTED, pointer="/since")
    if since is not None and (change.tier is None or since > now):
        raise FieldInvalid("a tier is held since now or before", pointer="/since")
    await lock_present(tx, change.user_id)
    held_since = None if change.tier is None else since or now
    await store.set_tier(tx, change.user_id, tier=change.tier, since=held_since)
    return (await people.read_users(tx, [change.user_id]))[change.user_id]
