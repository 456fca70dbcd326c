"""What the ledger tells the world: amounts as decimal strings, times in RFC 3339, so that nobody's JSON rounds them."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec

from cashback.ledger.model.cashbacks import State
from cashback.ledger.model.decisions import Reason

# Of any length: what an address holds on a chain has no bound of ours. `money.Amount` says what the last group is for.
Amount: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]*)$(?!\n)", description="A whole number, in decimal.")
]
"""An amount or number as it leaves the house: no JSON reader rounds a string."""


Signed: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^(0|-?[1-9][0-9]*)$(?!\n)", description="A whole number, in decimal, perhaps below 0.")
]
"""An amount that may be owed."""


class StepStory(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a cashback's life; `from_state` is null for the first."""

    from_state: State | None
    to_state: State
    actor: str
    cause: str
    at: datetime


class MintStory(msgspec.Struct, frozen=True, kw_only=True):
    """The mint of a cashback: what was frozen at its request, and how far it has come on the chain.

    `chain_state` is the adapter's live word (`unknown`, `accepted`, `submitted`, `included`, `safe`, `final`, `held`,
    `refused`), or null and `is_stale` when the adapter did not answer in time; the ledger's own figures are given all
    the same.
    """

    number: Amount
    recipient: str
    token_units: Amount
    requested_at: datetime
    chain_state: str | None
    is_stale: bool
    transaction_hash: str | None
    block_number: Amount | None
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None
    failure: str | None


class CashbackStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback, why it is what it is, and its whole timeline."""

    id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    programme_id: str | None
    state: State
    reason: Reason
    explanation: str
    currency: str
    desired_minor: Amount
    amount_minor: Amount
    token_units: Amount
    created_at: datetime
    mint: MintStory | None
    timeline: list[StepStory]
    adjustment_id: str | None = None
    adjusted_because: str | None = None


class CashbackItem(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in a list."""

    id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    programme_id: str | None
    state: State
    reason: Reason
    currency: str
    amount_minor: Amount
    token_units: Amount
    created_at: datetime
    transaction_hash: str | None


class SumStory(msgspec.Struct, frozen=True, kw_only=True):
    """How many cashbacks, and how much they are in money and in base units of the token."""

    cashbacks: int
    amount_minor: Amount
    token_units: Amount


class LedgerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's figures in one currency; `granted` is the sum of all the others, in money and in tokens.

    `pending` is held or in review, `waiting` is approved and has no request yet. What was returned of a cashback before
    its request is in `voided`, the tokens that were kept against debt are in `netted`.
    """

    currency: str
    granted: SumStory
    pending: SumStory
    waiting: SumStory
    in_flight: SumStory
    stuck: SumStory
    minted: SumStory
    voided: SumStory
    netted: SumStory
    expired: SumStory


class ChainFigure(msgspec.Struct, frozen=True, kw_only=True):
    """What the token contract says the wallet holds, in base units, at that block."""

    token_units: Amount
    block_number: Amount
    block_hash: str


class BalanceStory(msgspec.Struct, frozen=True, kw_only=True):
    """A user's balance, twice: the ledger's figures and the chain's, which is the truth.

    `on_chain` is null when the user has no wallet, or when the adapter did not answer in time; then `is_stale` is true
    and the ledger's `minted` is the best figure there is.
    """

    user_id: str
    wallet: str | None
    ledger: list[LedgerFigures]
    on_chain: ChainFigure | None
    is_stale: bool


class CashbackList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's cashbacks, newest first; `next_place` continues it and is None on the last one."""

    items: list[CashbackItem]
    next_place: str | None
