"""The words of purchases: who buys where, what was bought, and how a command is answered.

Every command carries the `owner` of its idempotency key (`operator` or a merchant's id, so that a rotated API key
keeps its history) and the `key` itself. It is answered with `Recorded` or `Refused`, which are values.
"""

from cashback.kernel.keys import KeyInvalid
from cashback.kernel.principal import MerchantUnknown
from cashback.kernel.seats import Overloaded
from cashback.purchases.model.answers import (
    CashbackAnswer,
    LineAnswer,
    Merchant,
    Outcome,
    Purchase,
    PurchaseAnswer,
    Recorded,
    Refused,
    Standing,
    User,
)
from cashback.purchases.model.api_keys import ApiKey
from cashback.purchases.model.commands import (
    CODE_LENGTH_MAX,
    LINES_MAX,
    OPERATOR,
    STREAM_TO_COME,
    Command,
    Line,
    NewBulk,
    NewMerchant,
    NewPurchase,
    NewUser,
    NewWallet,
    Order,
    ProgrammeStart,
    Signed,
)
from cashback.purchases.model.errors import (
    ApiKeyUnknown,
    FieldInvalid,
    KeyBusy,
    KeyReused,
    NotYours,
    PurchaseExists,
    PurchaseUnknown,
    Unstorable,
    UserAmbiguous,
    UserUnknown,
    WalletInvalid,
)

__all__ = [
    "CODE_LENGTH_MAX",
    "LINES_MAX",
    "OPERATOR",
    "STREAM_TO_COME",
    "ApiKey",
    "ApiKeyUnknown",
    "CashbackAnswer",
    "Command",
    "FieldInvalid",
    "KeyBusy",
    "KeyInvalid",
    "KeyReused",
    "Line",
    "LineAnswer",
    "Merchant",
    "MerchantUnknown",
    "NewBulk",
    "NewMerchant",
    "NewPurchase",
    "NewUser",
    "NewWallet",
    "NotYours",
    "Order",
    "Outcome",
    "Overloaded",
    "ProgrammeStart",
    "Purchase",
    "PurchaseAnswer",
    "PurchaseExists",
    "PurchaseUnknown",
    "Recorded",
    "Refused",
    "Signed",
    "Standing",
    "Unstorable",
    "User",
    "UserAmbiguous",
    "UserUnknown",
    "WalletInvalid",
]
