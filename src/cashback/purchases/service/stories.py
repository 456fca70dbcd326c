"""A purchase with all that became of it, in the words that leave the house."""

from datetime import datetime

import msgspec

from cashback.ledger import CashbackStory, Stories
from cashback.purchases.service.purchases import Purchases


class PurchaseStory(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as it was recorded, and its cashback with the whole timeline."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: str
    currency: str
    occurred_at: datetime
    received_at: datetime
    cashback: CashbackStory


class PurchaseStories:
    """Tells of purchases."""

    def __init__(self, purchases: Purchases, stories: Stories) -> None:
        """Tell what `purchases` recorded and what `stories` knows of its cashback."""
        self._purchases = purchases
        self._stories = stories

    async def purchase(self, purchase_id: str) -> PurchaseStory:
        """Return one purchase with its whole story.

        Raises:
            PurchaseUnknown: there is none.
        """
        purchase = await self._purchases.purchase(purchase_id)
        return PurchaseStory(
            id=purchase.id,
            merchant_id=purchase.merchant_id,
            user_id=purchase.user_id,
            reference=purchase.reference,
            amount_minor=str(purchase.amount_minor),
            currency=purchase.currency,
            occurred_at=purchase.occurred_at,
            received_at=purchase.received_at,
            cashback=await self._stories.cashback_of_purchase(purchase.id),
        )
