"""Purchases over REST: recorded once, answered with what they earned and why."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from cashback.kernel.http import IdempotencyKey, Reference, principal_of, problems
from cashback.kernel.money import Amount
from cashback.purchases.http.asking import WITH_PURCHASES, expansion
from cashback.purchases.http.commands import answer, asked_by, command_route, merchant_of
from cashback.purchases.model import Line, NewPurchase, NotYours, PurchaseAnswer
from cashback.purchases.service import Lists, Purchases, PurchaseStories, PurchaseStory

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
PurchaseId = Annotated[str, PathParameter(description="A purchase's id, `pur_...`.")]
WithRefunds = Annotated[
    str | None,
    QueryParameter(
        name="expand",
        max_length=100,
        description=(
            "What to tell with it, separated by commas: `refunds`, the first 20, which needs `refunds:read` as well;"
            " `cashback`, which it tells in any case."
        ),
    ),
]


class LineBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a purchase; it may be returned by itself."""

    amount_minor: Amount
    sku: Name | None = None
    category: Name | None = None
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10**9)] | None = None


class PurchaseBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A purchase; `merchant_id` may be left out by a merchant's own key."""

    user_id: Annotated[str, msgspec.Meta(max_length=64)]
    amount_minor: Amount
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, description="A code of ISO 4217.")]
    occurred_at: Annotated[
        datetime,
        msgspec.Meta(
            tz=True,
            description="When it was bought, with its offset: from 1970 on, and at most a day ahead of our clock.",
        ),
    ]
    merchant_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reference: Reference | None = None
    lines: (
        Annotated[
            list[LineBody], msgspec.Meta(min_length=1, max_length=100, description="Together they are the amount.")
        ]
        | None
    ) = None


@command_route(
    "/v1/purchases",
    operation_id="createPurchase",
    summary="Record a purchase",
    tag="Purchases",
    makes="/v1/purchases/{purchase_id}",
)
async def create_purchase(
    request: Request[Any, Any, Any],
    purchases: NamedDependency[Purchases],
    data: JSONBody[PurchaseBody],
    idempotency_key: IdempotencyKey,
) -> Response[PurchaseAnswer]:
    """Record a purchase and answer with its cashback decision, made in the same transaction."""
    return answer(await purchases.record_one(command_of(request, data, idempotency_key)))


@get(
    "/v1/purchases/{purchase_id:str}",
    operation_id="showPurchase",
    summary="One purchase with its cashback's timeline",
    tags=["Purchases"],
    responses=problems(404),
)
async def show_purchase(
    request: Request[Any, Any, Any],
    purchase_stories: NamedDependency[PurchaseStories],
    lists: NamedDependency[Lists],
    purchase_id: PurchaseId,
    expand: WithRefunds = None,
) -> PurchaseStory:
    """Return a purchase as it was recorded, and everything that became of it; a merchant sees its own."""
    principal = principal_of(request)
    wanted = expansion(principal, expand, known=WITH_PURCHASES)
    story = await purchase_stories.purchase(purchase_id, merchant_id=principal.merchant_id)
    return await lists.with_refunds(story) if "refunds" in wanted else story


def command_of(request: Request[Any, Any, Any], body: PurchaseBody, key: str) -> NewPurchase:
    """Return the command that records a purchase, under a key of the caller's.

    Raises:
        FieldInvalid: an operator did not say which merchant it is for.
        NotYours: a merchant named another one.
    """
    merchant_id = merchant_of(request, body.merchant_id)
    if not principal_of(request).may_see(merchant_id):
        raise NotYours("a merchant records its own purchases only", pointer="/merchant_id")
    return NewPurchase(
        **asked_by(request, key),
        merchant_id=merchant_id,
        user_id=body.user_id,
        amount_minor=int(body.amount_minor),
        currency=body.currency,
        occurred_at=body.occurred_at,
        reference=body.reference,
        lines=None if body.lines is None else tuple(_line(line) for line in body.lines),
    )


def _line(line: LineBody) -> Line:
    """Return a line of a body as the command has it."""
    return Line(amount_minor=int(line.amount_minor), sku=line.sku, category=line.category, quantity=line.quantity)


PURCHASE_ROUTES = [create_purchase, show_purchase]
