"""Decisions over REST: a stored one step by step, and a purchase that is only tried on a ruleset."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, Parameter

from cashback.kernel.http import IdempotencyKey, problems
from cashback.kernel.keys import check_key_text
from cashback.kernel.money import Amount
from cashback.kernel.patterns import MCC_PATTERN
from cashback.ledger.model.explained import Explanation, SimulatedDecision, SimulatedLine, Simulation
from cashback.ledger.service import Readings, Simulations

CashbackId = Annotated[str, Parameter(description="A cashback's id, `cb_...`.")]
Name = Annotated[str, msgspec.Meta(max_length=64)]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="With its offset; past, present or future.")]


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purchase to be tried, on a draft or a version by its id; received when it occurred unless told otherwise."""

    ruleset: Name
    merchant_id: Name
    amount_minor: Amount
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, description="A code of ISO 4217.")]
    occurred_at: Instant
    received_at: Instant | None = None
    mcc: Annotated[str, msgspec.Meta(pattern=MCC_PATTERN)] | None = None
    lines: Annotated[list[SimulatedLine], msgspec.Meta(max_length=100)] = []
    user_tier: Name | None = None
    is_first_purchase: bool = False
    is_first_at_merchant: bool = False


@get(
    "/v1/cashback/{cashback_id:str}/explanation",
    operation_id="explainCashback",
    summary="Why a cashback was decided so",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def explain_cashback(readings: NamedDependency[Readings], cashback_id: CashbackId) -> Explanation:
    """Return every step of the stored decision: the rules that counted and those that did not, limits, lines."""
    return await readings.explanation(cashback_id)


@post(
    "/v1/rulesets/simulate",
    operation_id="simulateRuleset",
    summary="What a purchase would earn",
    tags=["Rulesets"],
    responses=problems(403, 404, 409, 413, 415),
)
async def simulate_ruleset(
    simulations: NamedDependency[Simulations], data: JSONBody[SimulationBody], idempotency_key: IdempotencyKey
) -> Response[SimulatedDecision]:
    """Decide a purchase at any instant, whatever window the ruleset has, by what budgets hold now; nothing is kept."""
    check_key_text(idempotency_key)
    simulation = Simulation(
        ruleset=data.ruleset,
        merchant_id=data.merchant_id,
        amount=int(data.amount_minor),
        currency=data.currency,
        occurred_at=data.occurred_at,
        received_at=data.received_at or data.occurred_at,
        mcc=data.mcc,
        lines=tuple(data.lines),
        user_tier=data.user_tier,
        is_first_purchase=data.is_first_purchase,
        is_first_at_merchant=data.is_first_at_merchant,
    )
    return Response(await simulations.run(simulation))


DECISION_ROUTES = [explain_cashback, simulate_ruleset]
