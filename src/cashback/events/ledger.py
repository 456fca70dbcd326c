"""What the ledger publishes."""

from typing import Annotated, ClassVar

from msgspec import Meta

from cashback.events.catalogue import Body
from cashback.events.fields import Address, CashbackId, Currency, MintNumber, PurchaseOrNone, TokenUnitsText, UserId
from cashback.kernel.money import Amount


class CashbackApproved(Body, frozen=True, kw_only=True):
    """Cashback was granted, and its hold and its review are over; it waits for a wallet or for its mint request.

    `purchase_id` is null when it was granted by a person, for no purchase.
    """

    TYPE: ClassVar[str] = "cashback.approved"
    SOURCE: ClassVar[str] = "/cashback/ledger"
    KEY: ClassVar[str] = "cashback_id"

    cashback_id: CashbackId
    purchase_id: PurchaseOrNone
    user_id: UserId
    amount_minor: Annotated[Amount, Meta(description="What it is worth, in minor units of `currency`.")]
    currency: Currency
    token_units: TokenUnitsText


class CashbackVoided(Body, frozen=True, kw_only=True):
    """Cashback ended before its mint was requested: a person rejected it, or all of it was returned.

    `amount_minor` is what it was worth until then, and has gone back to whoever paid it; `reason` is a stable code:
    `review_rejected`, `refunded`, `charged_back`, or `debited` when a person took the rest of it back by hand.
    `purchase_id` is null when it was given by hand.
    """

    TYPE: ClassVar[str] = "cashback.voided"
    SOURCE: ClassVar[str] = "/cashback/ledger"
    KEY: ClassVar[str] = "cashback_id"

    cashback_id: CashbackId
    purchase_id: PurchaseOrNone
    user_id: UserId
    amount_minor: Annotated[Amount, Meta(description="What it was worth until then, in minor units of `currency`.")]
    currency: Currency
    reason: Annotated[str, Meta(description="`review_rejected`, `refunded`, `charged_back` or `debited`.")]


class CashbackExpired(Body, frozen=True, kw_only=True):
    """Approved cashback waited for a wallet for too long; `amount_minor` has gone back to the budgets."""

    TYPE: ClassVar[str] = "cashback.expired"
    SOURCE: ClassVar[str] = "/cashback/ledger"
    KEY: ClassVar[str] = "cashback_id"

    cashback_id: CashbackId
    purchase_id: PurchaseOrNone
    user_id: UserId
    amount_minor: Annotated[Amount, Meta(description="What it was worth until then, in minor units of `currency`.")]
    currency: Currency


class TokenMintRequested(Body, frozen=True, kw_only=True):
    """Mint `token_units` to `recipient` under `mint_number`; the three are frozen for ever.

    A request without an outcome is published again under a new event id with these same bytes.
    """

    TYPE: ClassVar[str] = "token.mint.requested"
    SOURCE: ClassVar[str] = "/cashback/ledger"
    KEY: ClassVar[str] = "cashback_id"

    mint_number: MintNumber
    cashback_id: CashbackId
    recipient: Annotated[Address, Meta(description="The customer's wallet on the chain.")]
    token_units: TokenUnitsText
