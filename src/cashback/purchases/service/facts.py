"""What rules ask about people, as operators set it: a merchant's category and owners, a user's tier."""

from datetime import UTC, datetime
from functools import partial

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.instants import WANTED, is_in_range
from cashback.purchases.model import FieldInvalid, Merchant, Order, Outcome, User
from cashback.purchases.service.editing import seen_merchant, seen_user
from cashback.purchases.service.orders import Orders
from cashback.purchases.service.presence import lock_owners
from cashback.purchases.store import facts as store


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

    async def set_merchant(self, caller: Order, facts: MerchantFacts, *, seen: str | None = None) -> Outcome:
        """Set a merchant's category and owners, if it is still as `seen`; the answer is a `Merchant`."""
        order = msgspec.structs.replace(caller, what="set_merchant_facts", terms=facts)
        return await self._orders.do(order, partial(_set_merchant, facts, seen))

    async def set_tier(self, caller: Order, change: TierChange, *, seen: str | None = None) -> Outcome:
        """Set a user's tier, if they are still as `seen`; the answer is a `User`."""
        order = msgspec.structs.replace(caller, what="set_tier", terms=change)
        return await self._orders.do(order, partial(_set_tier, change, seen))


async def _set_merchant(facts: MerchantFacts, seen: str | None, tx: Tx, now: datetime) -> Merchant:
    """Return the merchant with its new facts.

    Raises:
        MerchantUnknown, MerchantOutdated: there is none, or it is another than was seen.
        UserUnknown, UserErased: one of the owners is no user, or none any more.
        FieldInvalid: an owner is named twice.
    """
    del now
    for place, owner in enumerate(facts.owners):
        if owner in facts.owners[:place]:
            raise FieldInvalid("an owner is named once", pointer=f"/owners/{place}")
    await lock_owners(tx, [facts.owners])
    merchant, owners = await seen_merchant(tx, facts.merchant_id, seen), sorted(facts.owners)
    await store.set_merchant(tx, merchant.id, mcc=facts.mcc, owners=owners)
    return msgspec.structs.replace(merchant, mcc=facts.mcc, owners=tuple(owners))


async def _set_tier(change: TierChange, seen: str | None, tx: Tx, now: datetime) -> User:
    """Return the user with the new tier.

    Raises:
        UserUnknown, UserErased, UserOutdated: there is none, or no more, or they are otherwise than was seen.
        FieldInvalid: a time goes with a tier, is in range, and not of the future.
    """
    since = change.since
    if since is not None and not is_in_range(since):
        raise FieldInvalid(WANTED, pointer="/since")
    if since is not None and (change.tier is None or since > now):
        raise FieldInvalid("a tier is held since now or before", pointer="/since")
    user = await seen_user(tx, change.user_id, seen)
    held_since = None if change.tier is None else (since or now).astimezone(UTC)
    await store.set_tier(tx, user.id, tier=change.tier, since=held_since)
    return msgspec.structs.replace(user, tier=change.tier, tier_since=held_since)
