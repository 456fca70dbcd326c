"""Cashback by hand over REST: an operator gives it or takes it back, with a person and a reason."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, Terms, problems
from cashback.kernel.money import Amount
from cashback.purchases.http.commands import OrderBody, answer, command_route, signed_by
from cashback.purchases.model.adjustments import CreditByHand, DebitByHand
from cashback.purchases.service import Adjustments, People
from cashback.purchases.service.adjustments import AdjustmentAnswer, AdjustmentReadings

AdjustmentId = Annotated[str, PathParameter(description="An adjustment's id, `adj_...`.")]
OfUser = Annotated[str | None, QueryParameter(max_length=64, description="Only those of this user, `usr_...`.")]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class CreditBody(OrderBody, frozen=True, kw_only=True, tag_field="kind", tag="credit"):
    """Cashback for a user that no purchase earned, in minor units of the programme's funding currency.

    Out of a campaign's budget, or, without one, out of the programme's own funds.
    """

    user_id: Name
    programme_id: Name
    amount_minor: Amount
    campaign_id: Name | None = None


class DebitBody(OrderBody, frozen=True, kw_only=True, tag_field="kind", tag="debit"):
    """So much of a cashback to be taken back, at most what is left of it."""

    cashback_id: Name
    amount_minor: Amount


class AdjustmentPage(Page[AdjustmentAnswer], frozen=True):
    """One page of adjustments, newest first; `next_cursor` is null on the last one."""


@command_route(
    "/v1/adjustments",
    operation_id="createAdjustment",
    summary="Give or take back cashback by hand",
    tag="Cashback",
    makes="/v1/adjustments/{adjustment_id}",
)
async def create_adjustment(
    request: Request[Any, Any, Any],
    adjustments: NamedDependency[Adjustments],
    data: JSONBody[CreditBody | DebitBody],
    idempotency_key: IdempotencyKey,
) -> Response[AdjustmentAnswer]:
    """Give a user cashback that no purchase earned, or take back a part of a cashback, in one transaction.

    A credit above the programme's review amount waits for another person. A debit before the mint gives the money back
    to whoever paid; afterwards the user owes tokens, which are kept from what they earn next. Tokens are never seized.
    """
    signed = signed_by(request, idempotency_key, data)
    if isinstance(data, DebitBody):
        debit = DebitByHand(**signed, cashback_id=data.cashback_id, amount_minor=int(data.amount_minor))
        return answer(await adjustments.debit(debit))
    credit = CreditByHand(
        **signed,
        user_id=data.user_id,
        programme_id=data.programme_id,
        amount_minor=int(data.amount_minor),
        campaign_id=data.campaign_id,
    )
    return answer(await adjustments.credit(credit))


@get(
    "/v1/adjustments",
    operation_id="listAdjustments",
    summary="Cashback that people gave or took back, newest first",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def list_adjustments(
    adjustment_readings: NamedDependency[AdjustmentReadings],
    people: NamedDependency[People],
    user_id: OfUser = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> AdjustmentPage:
    """Return one page of adjustments, of one user or of all, each with its cashback as that stands now."""
    if user_id is not None:
        await people.user(user_id)
    terms = Terms.of("adjustments", user_id=user_id)
    items, place = await adjustment_readings.page(user_id=user_id, place=terms.place(cursor), limit=limit)
    return AdjustmentPage.of(items, terms.bound(place))


@get(
    "/v1/adjustments/{adjustment_id:str}",
    operation_id="showAdjustment",
    summary="One adjustment",
    tags=["Cashback"],
    responses=problems(403, 404),
)
async def show_adjustment(
    adjustment_readings: NamedDependency[AdjustmentReadings], adjustment_id: AdjustmentId
) -> AdjustmentAnswer:
    """Return who gave or took back how much, why, and how the cashback stands now."""
    return await adjustment_readings.show(adjustment_id)


ADJUSTMENT_ROUTES = [create_adjustment, list_adjustments, show_adjustment]
