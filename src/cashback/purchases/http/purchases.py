"""Purchases over REST: recorded once, answered with what they earned and why."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from cashback.kernel.http import principal_of
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import (
    REPLAY_HEADER,
    Digits,
    IdempotencyKey,
    Reference,
    answer,
    key_of,
    merchant_of,
    owner_of,
)
from cashback.purchases.model import NewPurchase, NotYours, PurchaseAnswer, PurchaseUnknown
from cashback.purchases.service import Purchases, PurchaseStories, PurchaseStory

PurchaseId = Annotated[str, Parameter(description="A purchase's id, `pur_...`.", max_length=64)]


class PurchaseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purchase; `merchant_id` may be left out by a merchant's own key."""

    user_id: Annotated[str, msgspec.Meta(max_length=64)]
    amount_minor: Digits
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    merchant_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reference: Reference | None = None


@post("/v1/purchases", summary="Record a purchase", tags=["Purchases"], response_headers=[REPLAY_HEADER])
async def create_purchase(
    request: Request[Any, Any, Any], purchases: Purchases, data: PurchaseBody, idempotency_key: IdempotencyKey = None
) -> Response[PurchaseAnswer]:
    """Record a purchase and answer with its cashback decision, made in the same transaction."""
    principal = principal_of(request)
    merchant_id = merchant_of(request, data.merchant_id)
    if not principal.may_see(merchant_id):
        raise NotYours("a merchant records its own purchases only", pointer="/merchant_id")
    command = NewPurchase(
        owner=owner_of(principal),
        key=key_of(idempotency_key),
        traceparent=current_traceparent(),
        merchant_id=merchant_id,
        user_id=data.user_id,
        amount_minor=int(data.amount_minor),
        currency=data.currency,
        occurred_at=data.occurred_at,
        reference=data.reference,
    )
    return answer(await purchases.record_one(command))


@get("/v1/purchases/{purchase_id:str}", summary="One purchase with its cashback's timeline", tags=["Purchases"])
async def show_purchase(
    request: Request[Any, Any, Any], purchase_stories: PurchaseStories, purchase_id: PurchaseId
) -> PurchaseStory:
    """Return a purchase as it was recorded, and everything that became of it."""
    story = await purchase_stories.purchase(purchase_id)
    if not principal_of(request).may_see(story.merchant_id):
        raise PurchaseUnknown("there is no such purchase", purchase_id=purchase_id)
    return story


PURCHASE_ROUTES = [create_purchase, show_purchase]
