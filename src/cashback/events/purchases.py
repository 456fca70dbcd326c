"""What the purchases context publishes."""

from datetime import datetime
from typing import Annotated, ClassVar

from msgspec import Meta

from cashback.events.catalogue import Body
from cashback.events.fields import (
    CashbackId,
    Currency,
    MerchantId,
    PurchaseId,
    PurchaseReference,
    RefundId,
    RefundReference,
    UserId,
)
from cashback.kernel.money import Amount


class PurchaseCreated(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A purchase was recorded; its cashback was decided in the same transaction.

    `reference` is left out where the merchant gave none, and in what was published before it was told.
    """

    TYPE: ClassVar[str] = "purchase.created"
    SOURCE: ClassVar[str] = "/cashback/purchases"
    KEY: ClassVar[str] = "purchase_id"

    purchase_id: PurchaseId
    merchant_id: MerchantId
    user_id: UserId
    amount_minor: Annotated[Amount, Meta(description="Its price, in minor units of `currency`.")]
    currency: Currency
    occurred_at: Annotated[
        datetime, Meta(description="When it was bought, in UTC.", extra_json_schema={"format": "date-time"})
    ]
    cashback_id: CashbackId
    reference: PurchaseReference = None


class PurchaseRefunded(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Something of a purchase was returned, and its cashback was taken back in the same transaction.

    `kind` is `refund` or `chargeback`. `amount_minor` is in `currency`, that of the purchase. `net_minor` is what is
    left of the cashback after it, in `cashback_currency`, `debt_units` the tokens that its user owes for it.
    `reference` and `purchase_reference` are left out where the merchant gave none.
    """

    TYPE: ClassVar[str] = "purchase.refunded"
    SOURCE: ClassVar[str] = "/cashback/purchases"
    KEY: ClassVar[str] = "purchase_id"

    refund_id: RefundId
    purchase_id: PurchaseId
    merchant_id: MerchantId
    user_id: UserId
    kind: Annotated[str, Meta(description="`refund` or `chargeback`.")]
    amount_minor: Annotated[Amount, Meta(description="What was returned, in minor units of `currency`.")]
    currency: Annotated[str, Meta(description="The currency of the purchase, a code of ISO 4217.")]
    cashback_id: CashbackId
    net_minor: Annotated[Amount, Meta(description="What is left of the cashback, in minor units.")]
    cashback_currency: Annotated[str, Meta(description="The currency of `net_minor`, a code of ISO 4217.")]
    debt_units: Annotated[Amount, Meta(description="What the customer owes for it, in base units of the token.")]
    reference: RefundReference = None
    purchase_reference: PurchaseReference = None
