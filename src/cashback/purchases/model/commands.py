"""What is to be done: commands, each at most once for the owner and the key that it carries."""

from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.money import Bps, Minor, TokenRate

LINES_MAX: Final = 100
"""The most lines that one purchase has: a decision names every one, and is bounded."""
CODE_LENGTH_MAX: Final = 100
OPERATOR: Final = "operator"
"""The owner of an operator's idempotency keys; a merchant's are owned by the merchant's id."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be done at most once per (owner, key).

    When it arrived, in which trace and with which API key is not part of what is asked: a repeat may differ in all
    three. None means now, in no trace, and by nobody over REST.
    """

    owner: str
    key: str
    key_id: str | None = None
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


STREAM_TO_COME: Final = "to come"
"""The contents of a stream: nobody knows them before they are recorded."""


class NewBulk(Command, frozen=True, kw_only=True):
    """Purchases under one key, each of which has a key of its own: `contents` stands for what they ask for."""

    contents: str


class NewUser(Command, frozen=True, kw_only=True):
    """A user to be; `reference` is the operator's own name for them, `wallet` an EIP-55 address, `tier` for rules."""

    reference: str | None = None
    wallet: str | None = None
    tier: str | None = None


class NewWallet(Command, frozen=True, kw_only=True):
    """A wallet to be used for a user's cashback, from now on or as soon as it may be.

    Whoever answers for it is named where the user has proved another one.
    """

    user_id: str
    wallet: str
    person: str | None = None
    reason: str | None = None


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
