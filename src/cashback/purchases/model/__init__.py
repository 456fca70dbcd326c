"""The words of purchases: who buys where, what was bought, and how a command is answered.

Every command carries the `owner` of its idempotency key (`operator` or a merchant's id, so that a rotated API key
keeps its history) and the `key` itself. It is answered with `Recorded` or `Refused`, which are values.
"""

from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.errors import Broken, Busy, Conflict, Forbidden, Invalid, NotFound, Rejected, Unavailable
from cashback.kernel.money import Amount, Bps, Minor, TokenRate

LINES_MAX: Final = 100
"""The most lines that one purchase has: a decision names every one, and is bounded."""
CODE_LENGTH_MAX: Final = 100
OPERATOR: Final = "operator"
"""The owner of an operator's idempotency keys; a merchant's are owned by the merchant's id."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done at most once per (owner, key).

    When it arrived and in which trace is not part of what is asked: a repeat may differ in both. None means now.
    """

    owner: str
    key: str
    traceparent: str | None = None
    received_at: datetime | None = None


class Signed(Command, frozen=True, kw_only=True):
    """A command in a person's name, with the reason that they give; both are kept."""

    person: str
    reason: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of a purchase that may be returned by itself: what it cost, and what the merchant calls it."""

    amount_minor: int
    sku: str | None = None
    category: str | None = None
    quantity: int | None = None


class NewPurchase(Command, frozen=True, kw_only=True):
    """A purchase to be recorded; `reference` is the merchant's own name for it.

    Its lines add up to the amount; without any it is one line.
    """

    merchant_id: str
    user_id: str
    amount_minor: int
    currency: str
    occurred_at: datetime
    reference: str | None = None
    lines: tuple[Line, ...] | None = None


class NewUser(Command, frozen=True, kw_only=True):
    """A user to be; `reference` is the operator's own name for them, `wallet` an EIP-55 address, `tier` for rules."""

    reference: str | None = None
    wallet: str | None = None
    tier: str | None = None


class NewWallet(Command, frozen=True, kw_only=True):
    """A wallet to be used for a user's cashback from now on."""

    user_id: str
    wallet: str


class NewMerchant(Command, frozen=True, kw_only=True):
    """A merchant to be: its category (ISO 18245), and the users who own it, as far as they are known."""

    name: str
    mcc: str | None = None
    owners: tuple[str, ...] = ()


class ProgrammeStart(Command, frozen=True, kw_only=True):
    """The terms of a programme to be; `conditions` are in the ledger's words, None for the usual ones."""

    name: str
    currency: str
    rate: Bps | None
    token_rate: TokenRate
    budget: Minor | None
    conditions: msgspec.Struct | None = None


class Order(Command, frozen=True, kw_only=True):
    """What an operator orders of the ledger: the name of it, and its terms in the ledger's own words."""

    what: str = ""
    terms: msgspec.Struct | None = None


class Recorded(msgspec.Struct, frozen=True):
    """The command was done, now or (a replay) before: `answer` is the same JSON document each time."""

    answer: bytes
    is_replay: bool


class Refused(msgspec.Struct, frozen=True):
    """The command was not done and nothing of it is stored; `error` says what its caller must change."""

    error: Rejected


Outcome: TypeAlias = Recorded | Refused


class CashbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase earned, decided when it was recorded; `reason` is a stable code, `explanation` its sentence."""

    id: str
    state: str
    amount_minor: Amount
    currency: str
    token_units: Amount
    reason: str
    explanation: str


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a purchase, as it was given."""

    amount_minor: Amount
    sku: str | None = None
    category: str | None = None
    quantity: int | None = None


class PurchaseAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a recorded purchase; `lines` is there when the purchase came with lines."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: Amount
    currency: str
    occurred_at: datetime
    received_at: datetime
    cashback: CashbackAnswer
    lines: tuple[LineAnswer, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the wallet in use; also the answer to creating one or to setting a wallet."""

    id: str
    reference: str | None
    wallet: str | None
    is_blocked: bool
    created_at: datetime
    tier: str | None = None
    tier_since: datetime | None = None
    blocked_since: datetime | None = None


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant; also the answer to creating one."""

    id: str
    name: str
    is_active: bool
    created_at: datetime
    mcc: str | None = None
    owners: tuple[str, ...] = ()
    inactive_since: datetime | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user or merchant may earn, and what rules ask: a user's tier, a merchant's category and owners."""

    may_earn: bool
    tier: str | None = None
    mcc: str | None = None
    owners: tuple[str, ...] = ()


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as it was recorded; `lines` is their stored document."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: int
    currency: str
    occurred_at: datetime
    received_at: datetime
    created_at: datetime
    lines: bytes | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret; `merchant_id` is set exactly when `scope` is `merchant`."""

    id: str
    scope: str
    merchant_id: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


class WalletInvalid(Invalid):
    """The wallet is no EIP-55 address, or one that tokens must not be sent to."""

    code = "wallet_invalid"


class FieldInvalid(Invalid):
    """A field of a command breaks a stated rule; `pointer` names it."""

    code = "field_invalid"


class KeyInvalid(Invalid):
    """The idempotency key is empty, too long, or not printable ASCII."""

    code = "idempotency_key_invalid"


class KeyReused(Invalid):
    """The idempotency key was used with another request before."""

    code = "idempotency_key_reused"


class KeyBusy(Busy):
    """The first request under this idempotency key is still being answered."""

    code = "idempotency_key_busy"


class UserUnknown(NotFound):
    """There is no such user."""

    code = "user_unknown"


class UserAmbiguous(Conflict):
    """Several users have the operator's name that is given; only an id tells them apart."""

    code = "user_ambiguous"


class MerchantUnknown(NotFound):
    """There is no such merchant."""

    code = "merchant_unknown"


class PurchaseUnknown(NotFound):
    """There is no such purchase."""

    code = "purchase_unknown"


class ApiKeyUnknown(NotFound):
    """There is no such API key."""

    code = "api_key_unknown"


class NotYours(Forbidden):
    """A merchant may only act for itself."""

    code = "not_yours"


class Overloaded(Unavailable):
    """Too many purchases are waiting to be recorded; try again shortly."""

    code = "overloaded"


class Unstorable(Broken):
    """The database refused a row that passed our own rules."""

    code = "unstorable"
