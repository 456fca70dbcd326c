"""Adjustments by hand: cashback that a person gives or takes back, always with a name and a reason."""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Conflict, Invalid, NotFound
from cashback.kernel.money import Amount, Currency, Minor, TokenRate, TokenUnits
from cashback.ledger.model.cashbacks import State


class AdjustmentKind(StrEnum):
    """Whether a person gives cashback or takes it back."""

    CREDIT = "credit"
    DEBIT = "debit"


class NewCredit(msgspec.Struct, frozen=True, kw_only=True):
    """Cashback that no purchase earned, in minor units of the programme's funding currency.

    `campaign_id` is whose budget pays; None: the programme itself.
    """

    user_id: str
    programme_id: str
    amount: int
    person: str
    reason: str
    campaign_id: str | None = None
    traceparent: str | None = None


class NewDebit(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be taken back of a cashback, in its minor units."""

    cashback_id: str
    amount: int
    person: str
    reason: str


class AdjustmentTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a credit has to know of its programme."""

    id: str
    currency: Currency
    rate: TokenRate
    review_above: Minor | None
    is_paused: bool


class CreditedCashback(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback-to-be that a credit makes, in its first state."""

    id: str
    adjustment_id: str
    user_id: str
    programme_id: str
    currency: str
    amount: Minor
    token_units: TokenUnits
    grants: bytes
    state: State
    traceparent: str | None


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment as it is stored; `token_units` is what a credit granted or what a debit made the user owe."""

    id: str
    kind: AdjustmentKind
    cashback_id: str
    user_id: str
    programme_id: str
    campaign_id: str | None
    currency: str
    amount: Minor
    token_units: TokenUnits
    person: str
    reason: str
    at: datetime


class AdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment in the words that leave the house.

    `token_units` is what a credit granted, or what a debit made the user owe: 0 as long as no mint was requested.
    `cashback_state` and `net_minor` are how its cashback stood when this was answered.
    """

    id: str
    kind: AdjustmentKind
    cashback_id: str
    cashback_state: State
    net_minor: Amount
    user_id: str
    programme_id: str
    campaign_id: str | None
    currency: str
    amount_minor: Amount
    token_units: Amount
    person: str
    reason: str
    at: datetime


class AdjustmentUnknown(NotFound):
    """There is no such adjustment."""

    code = "adjustment_unknown"


class AdjustmentInvalid(Invalid):
    """What is said of an adjustment breaks a stated bound; `pointer` names the place."""

    code = "adjustment_invalid"


class ProgrammePaused(Conflict):
    """The programme is paused: nothing is granted until it is resumed."""

    code = "programme_paused"


class BudgetTooSmall(Conflict):
    """The campaign's budget holds less than is to be given, which `left_minor` tells."""

    code = "budget_too_small"


class DebitAboveRest(Conflict):
    """Less is left of the cashback than is to be taken back, which `left_minor` tells."""

    code = "debit_above_rest"
