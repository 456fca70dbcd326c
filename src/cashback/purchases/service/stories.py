"""Purchases and users with all that became of them, in the words that leave the house."""

from datetime import datetime

import msgspec

from cashback.kernel.ids import is_id
from cashback.kernel.money import Amount
from cashback.ledger import BalanceStory, CashbackItem, CashbackStory, Stories
from cashback.purchases.model import LineAnswer, PurchaseUnknown, UserUnknown
from cashback.purchases.model.listing import RefundsShown
from cashback.purchases.rules import decode_lines, told
from cashback.purchases.service.people import People
from cashback.purchases.service.purchases import Purchases

__all__ = ["BalanceStory", "CashbackItem", "PurchaseStories", "PurchaseStory", "UserStories"]


class PurchaseStory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A purchase as it was recorded, and its cashback with the whole timeline.

    `lines` are there when it came with lines, `refunds` when they were asked for.
    """

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: Amount
    currency: str
    occurred_at: datetime
    received_at: datetime
    cashback: CashbackStory
    lines: tuple[LineAnswer, ...] = ()
    refunds: RefundsShown | None = None


class PurchaseStories:
    """Tells of purchases."""

    def __init__(self, purchases: Purchases, stories: Stories) -> None:
        """Tell what `purchases` recorded and what `stories` knows of its cashback."""
        self._purchases = purchases
        self._stories = stories

    async def purchase(self, purchase_id: str, *, merchant_id: str | None) -> PurchaseStory:
        """Return one purchase with its whole story; only if made with `merchant_id`, unless that is None.

        Raises:
            PurchaseUnknown: there is none.
        """
        if not is_id(purchase_id, "pur"):
            raise PurchaseUnknown("there is no such purchase", parameter="purchase_id")
        purchase = await self._purchases.purchase(purchase_id)
        if merchant_id not in (None, purchase.merchant_id):
            # In the very words of what does not exist, or they would tell that it does.
            raise PurchaseUnknown("there is no such purchase", parameter="purchase_id")
        return PurchaseStory(
            id=purchase.id,
            merchant_id=purchase.merchant_id,
            user_id=purchase.user_id,
            reference=purchase.reference,
            amount_minor=str(purchase.amount_minor),
            currency=purchase.currency,
            occurred_at=purchase.occurred_at,
            received_at=purchase.received_at,
            lines=told(decode_lines(purchase.lines)),
            cashback=await self._stories.cashback_of_purchase(purchase.id),
        )


class UserStories:
    """Tells what users earned; the ledger knows of nobody who has earned nothing yet, so they are looked up first."""

    def __init__(self, people: People, stories: Stories) -> None:
        """Tell of those whom `people` knows what `stories` does."""
        self._people = people
        self._stories = stories

    async def balance(self, user_id: str) -> BalanceStory:
        """Return a user's balance in the ledger and on the chain.

        Raises:
            UserUnknown: there is no such user.
        """
        if not is_id(user_id, "usr"):
            raise UserUnknown("there is no such user", parameter="user_id")
        await self._people.user(user_id)
        return await self._stories.balance(user_id)
