"""A cashback's words, from the claim of a purchase to the tokens in a wallet.

declined                                nothing was earned, and why
waitlisted ──▶ as if it came anew       nothing yet: it waits for its campaign's budget, 30 days at most
review ──▶ pending ──▶ approved ──▶ mint_requested ──▶ minted ──▶ reversed
  │           │          │ ▲ │        ▲ ▲   └──▶ stuck ──▶ minted      a person looks after what is stuck
  │           │          │ │ │        │ └ minted, stuck and reversed go back when their final block was replaced
  │           │          │ │ │        └ what is approved waits here while its user has no wallet
  │           │          │ │ └──▶ netted | expired      all kept against debt | no wallet came in time
  │           │          │ └──a person gives a stuck one back        only when its number was retired
  └───────────┴──────────┴──▶ voided                    rejected, or all of it was returned before the request
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from cashback.kernel.errors import Broken, Conflict, NotFound
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.decisions import Reason


class State(StrEnum):
    """Where a cashback stands."""

    DECLINED = "declined"
    WAITLISTED = "waitlisted"
    PENDING = "pending"
    REVIEW = "review"
    APPROVED = "approved"
    MINT_REQUESTED = "mint_requested"
    MINTED = "minted"
    STUCK = "stuck"
    VOIDED = "voided"
    NETTED = "netted"
    EXPIRED = "expired"
    REVERSED = "reversed"


REQUESTED_STATES: Final = frozenset({State.MINT_REQUESTED, State.MINTED, State.STUCK, State.REVERSED})
"""Those in which a cashback has a mint number."""


TRANSITIONS: Final[Mapping[State | None, frozenset[State]]] = {
    None: frozenset({State.DECLINED, State.WAITLISTED, State.PENDING, State.REVIEW, State.APPROVED}),
    State.DECLINED: frozenset(),
    State.WAITLISTED: frozenset({State.DECLINED, State.PENDING, State.REVIEW, State.APPROVED}),
    State.PENDING: frozenset({State.APPROVED, State.VOIDED}),
    State.REVIEW: frozenset({State.PENDING, State.APPROVED, State.VOIDED}),
    State.APPROVED: frozenset({State.MINT_REQUESTED, State.VOIDED, State.NETTED, State.EXPIRED}),
    State.VOIDED: frozenset(),
    State.NETTED: frozenset(),
    State.EXPIRED: frozenset(),
    State.MINT_REQUESTED: frozenset({State.MINTED, State.STUCK}),
    # Truth about a mint is its log in a final block: a mint that was given up may still turn out to have happened.
    # And one whose number was retired, so that it never can have happened, is given back by a person.
    State.STUCK: frozenset({State.MINTED, State.APPROVED, State.MINT_REQUESTED}),
    # Back only when that block was replaced: see `Requested.reversals`. On when a refund leaves nothing of it.
    State.MINTED: frozenset({State.MINT_REQUESTED, State.REVERSED}),
    State.REVERSED: frozenset({State.MINT_REQUESTED}),
}
"""Which state may follow which; None stands before the first. The schema refuses every other step."""


NUMBER_RETIRED: Final = "number_retired"
"""Why a cashback is stuck whose mint number was used up on the chain without a mint."""


class Payable(msgspec.Struct, frozen=True, kw_only=True):
    """An approved cashback with a wallet, locked: its money, and the tokens that are to be requested for it.

    `netted` is what is kept of its tokens now, against what its user owes.
    """

    id: str
    user_id: str
    programme_id: str
    currency: str
    amount: Minor
    token_units: TokenUnits
    traceparent: str | None
    recipient: str
    netted: TokenUnits = TokenUnits(0)

    def less(self, token_units: TokenUnits) -> "Payable":
        """Return the cashback with so much of its tokens kept."""
        return msgspec.structs.replace(
            self, token_units=TokenUnits(self.token_units - token_units), netted=TokenUnits(self.netted + token_units)
        )


class Mintable(Payable, frozen=True, kw_only=True):
    """A payable cashback with the number it will be minted under."""

    mint_number: int


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback whose mint was requested at some time, locked, as its outcome finds it.

    `reversals` is how often an outcome of it was taken back, as far as that was heard of; when it `is_returned`,
    refunds have left nothing of it.
    """

    id: str
    user_id: str
    token_units: TokenUnits
    mint_number: int
    state: State
    reversals: int = 0
    is_returned: bool = False
    requested_at: datetime | None = None


class Stuck(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback as it stands under a mint number, locked, for a person who looks after it.

    `net` is what refunds have left of it, `payable_units` its tokens when they were first requested, and `debt_units`
    what refunds since then made its user owe, `forgiven_units` of which its programme gave up at once.
    """

    id: str
    user_id: str
    programme_id: str
    currency: str
    amount: Minor
    token_units: TokenUnits
    mint_number: int
    state: State
    failure: str | None
    net: Minor
    payable_units: TokenUnits
    debt_units: TokenUnits
    forgiven_units: TokenUnits
    grants: bytes | None


class RetiredNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number that a cashback had and has no more: what was requested under it, who gave it up, and why."""

    number: int
    cashback_id: str
    recipient: str
    token_units: TokenUnits
    reason: str
    person: str
    at: datetime


class Reissue(msgspec.Struct, frozen=True, kw_only=True):
    """A request that has no outcome yet and is to be published again, byte for byte."""

    id: str
    request: bytes
    traceparent: str | None
    reissues: int


class Cashback(msgspec.Struct, frozen=True, kw_only=True):
    """One cashback as it stands; what a later state adds is None before it. `document` holds its decision.

    What a person gave has an adjustment and its reason, and neither purchase, merchant nor decision.

    `amount` and `token_units` are what the decision granted, `net` is what refunds have left of the amount.
    """

    id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    programme_id: str | None
    currency: str
    desired: Minor
    amount: Minor
    token_units: TokenUnits
    state: State
    reason: Reason
    document: bytes | None
    created_at: datetime
    mint_number: int | None
    recipient: str | None
    requested_at: datetime | None
    reissues: int
    failure: str | None
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    minted_at: datetime | None
    net: Minor
    requested_units: TokenUnits | None
    adjustment_id: str | None = None
    adjusted_because: str | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a cashback's life: who took it, and why."""

    from_state: State | None
    to_state: State
    actor: str
    cause: str
    at: datetime


class CashbackUnknown(NotFound):
    """There is no such cashback."""

    code = "cashback_unknown"


class NumberNotRetired(Conflict):
    """The cashback is not stuck for a retired number, so that it may still be minted under the one it has."""

    code = "number_not_retired"


class OutcomeUnknown(NotFound):
    """An outcome names a mint that was never requested here."""

    code = "outcome_unknown"


class OutcomeContradicts(Broken):
    """An outcome tells of another amount or cashback than was requested under its number."""

    code = "outcome_contradicts"
