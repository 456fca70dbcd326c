"""How commands are answered, and what is recorded of purchases and of who makes them."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from cashback.kernel.errors import Rejected
from cashback.kernel.money import Amount


class Recorded(msgspec.Struct, frozen=True):
    """The command was done, now or (a replay) before: `answer` is the same JSON document each time.

    Of one that was done so long ago that its answer was forgotten it is made anew, of what stands now.
    """

    answer: bytes
    is_replay: bool
    is_rebuilt: bool = False


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
    """A user with the wallet in use; also the answer to creating one or to setting a wallet.

    `wallet_proof` is `operator` where an operator said so, `eip4361` where the wallet has signed. `next_wallet` is one
    that waits to be used from `next_wallet_at` on. Of one whose data was erased (`erased_at`) nothing else is known.
    """

    id: str
    reference: str | None
    wallet: str | None
    is_blocked: bool
    created_at: datetime
    tier: str | None = None
    tier_since: datetime | None = None
    blocked_since: datetime | None = None
    wallet_proof: str | None = None
    next_wallet: str | None = None
    next_wallet_at: datetime | None = None
    erased_at: datetime | None = None


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
