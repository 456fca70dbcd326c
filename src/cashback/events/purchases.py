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


class PurchaseRefunded(Body, frozen=True, kw_only=True):
    """Something of a purchase was returned, and its cashback was taken back in the same transaction.

    `kind` is `refund` or `chargeback`. `amount_minor` is in `currency`, that of the purchase. `net_minor` is what is
    left of the cashback after it, in `cashback_currency`, `debt_units` the tokens that its user owes for it.
    """

    TYPE: ClassVar[str] = "purchase.refunded"
    SOURCE: ClassVar[str] = "/cashback/purchases"

    refund_id: str
    purchase_id: str
    merchant_id: str
    user_id: str
    kind: str
    amount_minor: Amount
    currency: str
    cashback_id: str
    net_minor: Amount
    cashback_currency: str
    debt_units: Amount
