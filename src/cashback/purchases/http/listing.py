"""Lists over REST of what was bought, what was returned and what that earned: filtered, and in an order.

A merchant sees its own. A filter by another merchant is answered in the words of a merchant that does not exist.
"""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, InOrder, Limit, Page, page_of, period, principal_of, problems
from cashback.kernel.http.parameters import ParameterInvalid
from cashback.kernel.listing import Order
from cashback.kernel.money import CURRENCY_PATTERN
from cashback.purchases.http.asking import WITH_PURCHASES, expansion
from cashback.purchases.http.commands import in_path
from cashback.purchases.http.people import CashbackPage
from cashback.purchases.http.purchases import PurchaseId
from cashback.purchases.model import PurchaseUnknown
from cashback.purchases.model.listing import PurchaseFilter, RefundFilter
from cashback.purchases.model.refunds import RefundAnswer, RefundKind
from cashback.purchases.service import CashbackFilter, Lists, PurchaseItem, State

OfMerchant = Annotated[
    str | None, QueryParameter(name="merchant_id", description="Only of this merchant; a merchant has only its own.")
]
OfUser = Annotated[str | None, QueryParameter(name="user_id", description="Only of this user.")]
OfProgramme = Annotated[str | None, QueryParameter(name="programme_id", description="Only of this programme.")]
OfPurchase = Annotated[str | None, QueryParameter(name="purchase_id", description="Only of this purchase.")]
Named = Annotated[
    str | None,
    QueryParameter(
        name="reference",
        max_length=200,
        description="Only what the merchant calls so; an operator names the merchant as well.",
    ),
]
InCurrency = Annotated[
    str | None, QueryParameter(name="currency", pattern=CURRENCY_PATTERN, description="Only in this currency.")
]
OccurredFrom = Annotated[
    datetime | None, QueryParameter(name="occurred_from", description="RFC 3339: only what was bought from then on.")
]
OccurredTo = Annotated[datetime | None, QueryParameter(name="occurred_to", description="RFC 3339: and before then.")]
ReceivedFrom = Annotated[
    datetime | None, QueryParameter(name="received_from", description="RFC 3339: only what came to us from then on.")
]
ReceivedTo = Annotated[datetime | None, QueryParameter(name="received_to", description="RFC 3339: and before then.")]
CreatedFrom = Annotated[
    datetime | None, QueryParameter(name="created_from", description="RFC 3339: only what was asked for from then on.")
]
CreatedTo = Annotated[datetime | None, QueryParameter(name="created_to", description="RFC 3339: and before then.")]
AppliedFrom = Annotated[
    datetime | None, QueryParameter(name="applied_from", description="RFC 3339: only what was applied from then on.")
]
AppliedTo = Annotated[datetime | None, QueryParameter(name="applied_to", description="RFC 3339: and before then.")]
OfKind = Annotated[RefundKind | None, QueryParameter(name="kind", description="Only refunds of this kind.")]
InState = Annotated[State | None, QueryParameter(name="state", description="Only cashbacks in this state.")]
Expand = Annotated[
    str | None,
    QueryParameter(
        name="expand",
        max_length=100,
        description=(
            "What to tell with each purchase, separated by commas: `cashback`; `refunds`, the first 20 of each, which"
            " needs `refunds:read` as well."
        ),
    ),
]


class PurchasePage(Page[PurchaseItem], frozen=True):
    """One page of purchases, perhaps a short one; `next_cursor` is null on the last one."""


class RefundPage(Page[RefundAnswer], frozen=True):
    """One page of refunds that were applied, perhaps a short one; `next_cursor` is null on the last one."""


@get(
    "/v1/purchases",
    operation_id="listPurchases",
    summary="Purchases, newest first",
    tags=["Purchases"],
    responses=problems(403, 404),
)
async def list_purchases(  # noqa: PLR0913 - each is a parameter of the route
    request: Request[Any, Any, Any],
    lists: NamedDependency[Lists],
    *,
    merchant_id: OfMerchant = None,
    user_id: OfUser = None,
    reference: Named = None,
    currency: InCurrency = None,
    occurred_from: OccurredFrom = None,
    occurred_to: OccurredTo = None,
    received_from: ReceivedFrom = None,
    received_to: ReceivedTo = None,
    expand: Expand = None,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> PurchasePage:
    """Return one page of purchases in the order in which they were recorded; a merchant sees its own.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 purchases are looked at for it. Up to
    1,000 purchases of a user at a merchant are found among these alone, in whole pages.
    """
    principal = principal_of(request)
    wanted = expansion(principal, expand, known=WITH_PURCHASES)
    asked = PurchaseFilter(
        merchant_id=principal.whose(merchant_id),
        user_id=user_id,
        reference=reference,
        currency=currency,
        occurred=period("occurred", since=occurred_from, until=occurred_to),
        received=period("received", since=received_from, until=received_to),
    )
    _must_be_whose(reference, asked.merchant_id)
    read = partial(lists.purchases, seen_by=principal.merchant_id, expand=wanted)
    return await page_of(PurchasePage, "purchases", asked, read, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/purchases/{purchase_id:str}/refunds",
    operation_id="listPurchaseRefunds",
    summary="Refunds of a purchase, newest first",
    tags=["Refunds"],
    responses=problems(404),
)
async def list_refunds_of(
    request: Request[Any, Any, Any],
    lists: NamedDependency[Lists],
    purchase_id: PurchaseId,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> RefundPage:
    """Return one page of what was returned of a purchase; a merchant sees its own."""
    asked = RefundFilter(
        purchase_id=in_path(purchase_id, prefix="pur", parameter="purchase_id", unknown=PurchaseUnknown),
        merchant_id=principal_of(request).merchant_id,
    )
    return await page_of(RefundPage, "refunds", asked, lists.refunds, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/refunds",
    operation_id="listRefunds",
    summary="Refunds that were applied, newest first",
    tags=["Refunds"],
    responses=problems(404),
)
async def list_refunds(  # noqa: PLR0913 - as above
    request: Request[Any, Any, Any],
    lists: NamedDependency[Lists],
    *,
    purchase_id: OfPurchase = None,
    merchant_id: OfMerchant = None,
    user_id: OfUser = None,
    reference: Named = None,
    kind: OfKind = None,
    created_from: CreatedFrom = None,
    created_to: CreatedTo = None,
    applied_from: AppliedFrom = None,
    applied_to: AppliedTo = None,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> RefundPage:
    """Return one page of refunds in the order in which they were asked for; a merchant sees its own.

    One that had waited for its purchase has been asked for before others that were applied before it: whoever goes on
    from where they were asks for what was applied since then (`applied_from`), or reads the events.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 refunds are looked at for it. Up to 1,000
    refunds of as many purchases of a user are found among these alone, in whole pages. Those that wait for their
    purchase are at `/v1/refunds/parked`.
    """
    asked = RefundFilter(
        purchase_id=purchase_id,
        merchant_id=principal_of(request).whose(merchant_id),
        user_id=user_id,
        reference=reference,
        kind=kind,
        created=period("created", since=created_from, until=created_to),
        applied=period("applied", since=applied_from, until=applied_to) if applied_from or applied_to else None,
    )
    _must_be_whose(reference, asked.merchant_id)
    return await page_of(RefundPage, "refunds", asked, lists.refunds, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/cashback",
    operation_id="listCashbacks",
    summary="Cashbacks of all users, newest first",
    tags=["Cashback"],
    responses=problems(404),
)
async def list_cashbacks(  # noqa: PLR0913 - as above
    request: Request[Any, Any, Any],
    lists: NamedDependency[Lists],
    *,
    in_state: InState = None,
    user_id: OfUser = None,
    merchant_id: OfMerchant = None,
    programme_id: OfProgramme = None,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> CashbackPage:
    """Return one page of cashbacks in the order in which they were decided; a merchant sees what was earned with it.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 cashbacks are looked at for it.
    """
    principal = principal_of(request)
    asked = CashbackFilter(
        state=in_state, user_id=user_id, merchant_id=principal.whose(merchant_id), programme_id=programme_id
    )
    read = partial(lists.cashbacks, seen_by=principal.merchant_id)
    return await page_of(CashbackPage, "cashback", asked, read, order=order, cursor=cursor, limit=limit)


def _must_be_whose(reference: str | None, merchant_id: str | None) -> None:
    """Return when it is known whose name a reference is, or there is none.

    Raises:
        ParameterInvalid: no merchant is named.
    """
    if reference is not None and merchant_id is None:
        raise ParameterInvalid("a reference is its merchant's own name: name the merchant too", parameter="reference")


LIST_ROUTES = [list_purchases, list_refunds_of, list_refunds, list_cashbacks]
