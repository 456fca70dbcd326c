"""Cashbacks and balances over REST: read only, since only decisions and the chain change them."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.params import Parameter, QueryParameter

from cashback.kernel.http import Page, cursor_of, place_of, principal_of, require_operator
from cashback.kernel.http.page import PAGE_DEFAULT, PAGE_MAX
from cashback.ledger.model import BalanceStory, CashbackItem, CashbackStory, CashbackUnknown
from cashback.ledger.service import Stories

CashbackId = Annotated[str, Parameter(description="A cashback's id, `cb_...`.", max_length=64)]
UserId = Annotated[str, Parameter(description="A user's id, `usr_...`.", max_length=64)]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="How many items a page may have.")]


@get("/v1/cashback/{cashback_id:str}", summary="One cashback with its whole timeline", tags=["Cashback"])
async def show_cashback(request: Request[Any, Any, Any], stories: Stories, cashback_id: CashbackId) -> CashbackStory:
    """Return a cashback, why it was granted or declined, and how far its mint has come."""
    story = await stories.cashback(cashback_id)
    if not principal_of(request).may_see(story.merchant_id):
        raise CashbackUnknown("there is no such cashback", cashback_id=cashback_id)
    return story


@get("/v1/users/{user_id:str}/cashback", summary="A user's cashback, newest first", tags=["Cashback"])
async def list_cashback(
    request: Request[Any, Any, Any],
    stories: Stories,
    user_id: UserId,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Page[CashbackItem]:
    """Return one page; a merchant sees only what was earned with it."""
    found = await stories.cashbacks_of_user(
        user_id, merchant_id=principal_of(request).merchant_id, after=place_of(cursor), limit=limit
    )
    return Page(items=found.items, next_cursor=None if found.next_place is None else cursor_of(found.next_place))


@get("/v1/users/{user_id:str}/balance", summary="A user's balance, in the ledger and on the chain", tags=["Cashback"])
async def show_balance(request: Request[Any, Any, Any], stories: Stories, user_id: UserId) -> BalanceStory:
    """Return both figures; when the adapter does not answer in time, the ledger's alone, marked stale."""
    require_operator(principal_of(request))
    return await stories.balance(user_id)


CASHBACK_ROUTES = [show_cashback, list_cashback, show_balance]
