"""What the peer takes and gives as JSON: requests, answers, events, and the documents that it stores.

Members of what is stored stand in the order of their names, so that the bytes are canonical.
"""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class PurchaseIn(BaseModel):
    """A purchase to be recorded."""

    model_config = ConfigDict(extra="forbid")

    merchant_id: Annotated[str, Field(max_length=64)]
    user_id: Annotated[str, Field(max_length=64)]
    amount_minor: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,17})$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    occurred_at: AwareDatetime
    reference: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class CashbackOut(BaseModel):
    """What a purchase earned, and why."""

    amount_minor: str
    currency: str
    explanation: str
    id: str
    reason: str
    state: str
    token_units: str


class PurchaseOut(BaseModel):
    """The answer to a recorded purchase."""

    amount_minor: str
    cashback: CashbackOut
    currency: str
    id: str
    merchant_id: str
    occurred_at: datetime
    received_at: datetime
    reference: str | None
    user_id: str


class PurchaseCreated(BaseModel):
    """The event of a recorded purchase."""

    purchase_id: str
    merchant_id: str
    user_id: str
    amount_minor: str
    currency: str
    occurred_at: datetime
    cashback_id: str
    reference: str | None


class CashbackApproved(BaseModel):
    """The event of a grant."""

    cashback_id: str
    purchase_id: str
    user_id: str
    amount_minor: str
    currency: str
    token_units: str


class TokenRate(BaseModel):
    """Tokens for a unit of money."""

    denominator: str
    numerator: str


class Conversion(BaseModel):
    """The rate that a decision used, from where and when."""

    as_of: datetime
    rate: TokenRate
    source: str


class Funding(BaseModel):
    """The currency that a programme pays in."""

    code: str
    exponent: str


class Facts(BaseModel):
    """What a decision saw of a purchase."""

    amount: str
    currency: str
    is_merchant_active: bool | None = None
    is_user_blocked: bool | None = None
    mcc: str | None = None
    merchant_id: str
    occurred_at: datetime
    received_at: datetime
    user_tier: str | None = None


class ProgrammeFacts(BaseModel):
    """What it saw of the programme."""

    funding: Funding
    id: str
    is_paused: bool | None = None


class RulesetFacts(BaseModel):
    """Which rules decided."""

    digest: str
    id: str
    version: str


class Left(BaseModel):
    """What the budget had left, and what happens at its end."""

    campaigns: list[tuple[str, str, str]]


class Trace(BaseModel):
    """Which limit let how much through, which rule counted, and which did not."""

    clamps: list[tuple[str, str, str, str]] | None = None
    counted: list[tuple[str, str, str]] | None = None
    skipped: dict[str, list[str]] | None = None


class Verdict(BaseModel):
    """What was decided."""

    amount: str | None = None
    campaigns: list[str] | None = None
    desired: str | None = None
    lines: list[tuple[str, str, list[str]]] | None = None
    outcome: str
    reason: str
    token_units: str | None = None
    trace: Trace | None = None


class DecisionDocument(BaseModel):
    """A decision as it is stored; whole numbers are strings, so that no JSON reader rounds them."""

    conversion: Conversion | None = None
    engine: str = "3"
    facts: Facts
    left: Left | None = None
    offsets: dict[str, str] | None = None
    programme: ProgrammeFacts | None = None
    ruleset: RulesetFacts | None = None
    verdict: Verdict


class Grants(BaseModel):
    """What was granted by line, as a refund will need it."""

    campaigns: list[str]
    exponent: str
    lines: list[tuple[str, list[str]]]
    rate: tuple[str, str]
