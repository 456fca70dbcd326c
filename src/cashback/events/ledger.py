"""What the ledger publishes."""

from typing import ClassVar

from cashback.events.catalogue import Address, Body
from cashback.kernel.money import Amount


class CashbackApproved(Body, frozen=True, kw_only=True):
    """Cashback was calculated, granted, and its hold has passed; it waits for a wallet or for its mint request."""

    TYPE: ClassVar[str] = "cashback.approved"
    SOURCE: ClassVar[str] = "/cashback/ledger"

    cashback_id: str
    purchase_id: str
    user_id: str
    amount_minor: Amount
    currency: str
    token_units: Amount


class TokenMintRequested(Body, frozen=True, kw_only=True):
    """Mint `token_units` to `recipient` under `mint_number`; the three are frozen for ever.

    A request without an outcome is published again under a new event id with these same bytes.
    """

    TYPE: ClassVar[str] = "token.mint.requested"
    SOURCE: ClassVar[str] = "/cashback/ledger"

    mint_number: Amount
    cashback_id: str
    recipient: Address
    token_units: Amount
