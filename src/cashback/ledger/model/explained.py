"""Decisions as they are told: what was decided and why, step by step; and purchases that are only tried."""

from datetime import datetime
from typing import Annotated

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.money import Amount


class DecisionStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a decision, in the order of a tree read from the top; those below it are one deeper."""

    depth: int
    code: str
    text: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A stored decision: its reason, the sentence of it, and its steps; the first engine stored none.

    What a person gave was decided by no engine, which is 0 then.
    """

    cashback_id: str
    purchase_id: str | None
    engine: int
    reason: str
    text: str
    steps: list[DecisionStep]


class SimulatedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a purchase that is only tried."""

    amount_minor: Amount
    sku: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    category: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase to be tried on a ruleset, a draft or a version; nobody has earned anything before it."""

    ruleset: str
    merchant_id: str
    amount: int
    currency: str
    occurred_at: datetime
    received_at: datetime
    mcc: str | None = None
    lines: tuple[SimulatedLine, ...] = ()
    user_tier: str | None = None
    is_first_purchase: bool = False
    is_first_at_merchant: bool = False


class SimulatedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase would earn: nothing of it was stored, and no budget was touched."""

    ruleset: str
    outcome: str
    reason: str
    amount_minor: Amount
    currency: str
    token_units: Amount
    text: str
    steps: list[DecisionStep]


class SimulationInvalid(Invalid):
    """What is to be tried breaks a stated bound; `pointer` names the place."""

    code = "simulation_invalid"
