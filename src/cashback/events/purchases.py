"""What the purchases context publishes."""

from datetime import datetime
from typing import ClassVar

from cashback.events.catalogue import Body
from cashback.kernel.money import Amount


class PurchaseCreated(Body, frozen=True, kw_only=True):
    """A purchase was recorded; its cashback was decided in the same transaction."""

    TYPE: ClassVar[str] = "purchase.created"
    SOURCE: ClassVar[str] = "/cashback/purchases"

    purchase_id: str
    merchant_id: str
    user_id: str
    amount_minor: Amount
    currency: str
    occurred_at: datetime
    cashback_id: str
