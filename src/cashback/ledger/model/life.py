"""The words between a decision and its mint request: holds, reviews, expiry, pauses.

          ┌─ review ──people──▶ approved or voided
granted ──┼─ pending ──return window over──▶ approved ──▶ mint_requested
          └─ approved                            └──no wallet for too long──▶ expired
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Broken, Conflict
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.cashbacks import State
from cashback.ledger.model.stories import Amount


class FirstState(msgspec.Struct, frozen=True):
    """Where a cashback begins, and when its hold ends; None when it is not held."""

    state: State
    hold_until: datetime | None = None


class Unrequested(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that moved before its request, locked: what it is worth now, and what a consumer is told of it.

    `grants` is the document of what each campaign paid, and `refunded` what each has got back since, by campaign.
    """

    id: str
    user_id: str
    purchase_id: str | None
    currency: str
    amount: Minor
    token_units: TokenUnits
    traceparent: str | None
    from_state: State
    to_state: State
    cause: str
    grants: bytes | None = None
    refunded: tuple[tuple[str, Minor], ...] = ()


class Verdict(StrEnum):
    """What a person says of a cashback in review."""

    APPROVE = "approve"
    REJECT = "reject"


class NewReview(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict to be said: by whom, why, and with which API key."""

    cashback_id: str
    verdict: Verdict
    person: str
    reason: str
    key_id: str


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as it was said."""

    verdict: Verdict
    person: str
    reason: str
    at: datetime


class ReviewItem(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for people, with what has been said of it and how many approvals it wants."""

    position: int
    cashback_id: str
    user_id: str
    merchant_id: str | None
    currency: str
    amount: Minor
    token_units: TokenUnits
    waiting_since: datetime
    approvals_needed: int
    reviews: tuple[Review, ...] = ()


class ExpiringItem(msgspec.Struct, frozen=True, kw_only=True):
    """An approved cashback without a wallet, and when it expires unless one is linked."""

    cashback_id: str
    user_id: str
    currency: str
    amount: Minor
    token_units: TokenUnits
    expires_at: datetime


class ReviewStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for people, in the words that leave the house."""

    cashback_id: str
    user_id: str
    merchant_id: str | None
    currency: str
    amount_minor: Amount
    token_units: Amount
    waiting_since: datetime
    approvals_needed: int
    reviews: list[Review]


class ReviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a verdict; once it is decided, the ledger's worker does what was said within seconds."""

    cashback_id: str
    verdict: Verdict
    approvals: int
    approvals_needed: int
    is_decided: bool


class ExpiringStory(msgspec.Struct, frozen=True, kw_only=True):
    """An approved cashback that expires unless a wallet is linked, in the words that leave the house."""

    cashback_id: str
    user_id: str
    currency: str
    amount_minor: Amount
    token_units: Amount
    expires_at: datetime


class PauseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a programme stands after a pause, or after the end of one; `is_news` is false when it stood so before."""

    programme_id: str
    is_paused: bool
    is_news: bool
    person: str
    reason: str
    at: datetime


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One pause of a programme, or the end of one: who, why and when."""

    is_paused: bool
    person: str
    reason: str
    at: datetime


class PauseStory(msgspec.Struct, frozen=True, kw_only=True):
    """One pause of a programme, or the end of one, as it was written down: who, why and when."""

    number: Amount
    is_paused: bool
    person: str
    reason: str
    at: datetime


class WaitingStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for a campaign's budget: how much of it it wants, since when, and for how long at most."""

    cashback_id: str
    user_id: str
    merchant_id: str | None
    currency: str
    wanted_minor: Amount
    waiting_since: datetime
    waits_until: datetime


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which cashbacks a batch takes: what is due at `now`, at most `limit`, `among` these if they are named.

    `besides` are left out: they failed alone a while ago.
    """

    now: datetime
    limit: int
    besides: list[str] = []
    among: list[str] | None = None


class GrantsContradict(Broken):
    """What the campaigns paid for a cashback, less what they got back, is not what it is worth."""

    code = "grants_contradict"


class NotInReview(Conflict):
    """The cashback does not wait for a person, or not any more."""

    code = "not_in_review"


class SecondPersonRequired(Conflict):
    """This person has said their verdict; another one must say the next."""

    code = "second_person_required"
