"""Refunds over REST: made once, in any order, before their purchase as well."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import (
    PAGE_DEFAULT,
    Cursor,
    IdempotencyKey,
    InOrder,
    Limit,
    Page,
    Reference,
    Scope,
    page_of,
    principal_of,
    problems,
)
from cashback.kernel.listing import Order
from cashback.kernel.money import Amount
from cashback.purchases.http.commands import answer, asked_by, command_route
from cashback.purchases.model import NotYours
from cashback.purchases.model.refunds import NewRefund, RefundAnswer, RefundKind, RefundLine
from cashback.purchases.service import Refunds

RefundId = Annotated[str, PathParameter(description="A refund's id, `rfd_...`.")]


class RefundLineBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So much of one line of the purchase, counted from 1."""

    line: Annotated[int, msgspec.Meta(ge=1, le=100)]
    amount_minor: Amount


class RefundBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refund, by lines or by amount, of a purchase named by its id or by the merchant's reference.

    With a reference that no purchase has yet it is parked for 90 days, and applied when that is recorded. An operator
    names the merchant with a reference.
    """

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    purchase_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    purchase_reference: Reference | None = None
    lines: Annotated[list[RefundLineBody], msgspec.Meta(min_length=1, max_length=100)] | None = None
    amount_minor: Amount | None = None
    kind: RefundKind = RefundKind.REFUND
    merchant_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reference: Reference | None = None


class ParkedPage(Page[RefundAnswer], frozen=True):
    """One page of parked refunds; `next_cursor` is null on the last one."""


@command_route(
    "/v1/refunds",
    operation_id="createRefund",
    summary="Return a purchase, or a part of it",
    tag="Refunds",
    makes="/v1/refunds/{refund_id}",
)
async def create_refund(
    request: Request[Any, Any, Any],
    refunds: NamedDependency[Refunds],
    data: JSONBody[RefundBody],
    idempotency_key: IdempotencyKey,
) -> Response[RefundAnswer]:
    """Return something of a purchase and take back its share of the cashback, in one transaction.

    Before the mint is requested the cashback shrinks and its budget has the difference; afterwards the user owes
    tokens, which are kept back from what they earn next. Tokens are never seized.
    """
    principal = principal_of(request)
    is_merchant = principal.scope is Scope.MERCHANT
    merchant_id = data.merchant_id or (principal.merchant_id if is_merchant else None)
    if merchant_id is not None and not principal.may_see(merchant_id):
        raise NotYours("a merchant returns its own purchases only", pointer="/merchant_id")
    command = NewRefund(
        **asked_by(request, idempotency_key),
        merchant_id=merchant_id,
        purchase_id=data.purchase_id,
        purchase_reference=data.purchase_reference,
        lines=None if data.lines is None else tuple(_line(line) for line in data.lines),
        amount_minor=None if data.amount_minor is None else int(data.amount_minor),
        kind=data.kind,
        reason=data.reason,
        reference=data.reference,
    )
    return answer(await refunds.refund_one(command))


@get(
    "/v1/refunds/{refund_id:str}",
    operation_id="showRefund",
    summary="One refund",
    tags=["Refunds"],
    responses=problems(404),
)
async def show_refund(
    request: Request[Any, Any, Any], refunds: NamedDependency[Refunds], refund_id: RefundId
) -> RefundAnswer:
    """Return a refund as it was applied, or how it waits for its purchase; a merchant sees its own."""
    return await refunds.show(refund_id, merchant_id=principal_of(request).merchant_id)


@get(
    "/v1/refunds/parked",
    operation_id="listParkedRefunds",
    summary="Refunds whose purchase has not come",
    tags=["Refunds"],
    responses=problems(),
)
async def list_parked(
    request: Request[Any, Any, Any],
    refunds: NamedDependency[Refunds],
    order: InOrder = Order.ASC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> ParkedPage:
    """Return refunds that wait for their purchase, waited in vain, or were refused by it, the oldest first.

    A merchant sees its own.
    """
    merchant_id = principal_of(request).merchant_id
    return await page_of(
        ParkedPage, "refunds/parked", merchant_id, refunds.parked, order=order, cursor=cursor, limit=limit
    )


def _line(line: RefundLineBody) -> RefundLine:
    """Return a line of a body as the command has it."""
    return RefundLine(line=line.line, amount_minor=int(line.amount_minor))


REFUND_ROUTES = [create_refund, show_refund, list_parked]
