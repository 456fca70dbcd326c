"""The types of events that endpoints may hear of: all that there are."""

from typing import Final

from cashback.events.ledger import CashbackApproved, CashbackExpired, CashbackVoided, TokenMintRequested
from cashback.events.minting import TokenMinted, TokenMintFailed, TokenMintReverted
from cashback.events.purchases import PurchaseCreated, PurchaseRefunded

EVENT_TYPES: Final = (
    PurchaseCreated.TYPE,
    PurchaseRefunded.TYPE,
    CashbackApproved.TYPE,
    CashbackVoided.TYPE,
    CashbackExpired.TYPE,
    TokenMintRequested.TYPE,
    TokenMinted.TYPE,
    TokenMintFailed.TYPE,
    TokenMintReverted.TYPE,
)
