"""Users, their wallets and merchants over REST, looked for by what people know of them."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, InOrder, Limit, Page, page_of, principal_of, problems
from cashback.kernel.listing import Order
from cashback.purchases.http.commands import user_in_path
from cashback.purchases.http.people import UserId
from cashback.purchases.model import Merchant, User
from cashback.purchases.model.listing import MerchantFilter, UserFilter, WalletStory
from cashback.purchases.service import Directory

Named = Annotated[
    str | None, QueryParameter(name="reference", max_length=200, description="Only whom the operator calls so.")
]
InUse = Annotated[
    str | None,
    QueryParameter(name="wallet", max_length=64, description="Only whose wallet in use this is, with its checksum."),
]
Blocked = Annotated[bool | None, QueryParameter(name="is_blocked", description="Only who is blocked, or is not.")]
Called = Annotated[
    str | None,
    QueryParameter(name="name", max_length=200, description="Only merchants whose names begin so, in any case."),
]
Active = Annotated[bool | None, QueryParameter(name="is_active", description="Only those that are active, or are not.")]


class UserPage(Page[User], frozen=True):
    """One page of users, perhaps a short one; `next_cursor` is null on the last one."""


class WalletPage(Page[WalletStory], frozen=True):
    """One page of a user's wallets; `next_cursor` is null on the last one."""


class MerchantPage(Page[Merchant], frozen=True):
    """One page of merchants, perhaps a short one; `next_cursor` is null on the last one."""


@get("/v1/users", operation_id="listUsers", summary="Users, newest first", tags=["Users"], responses=problems(403))
async def list_users(
    directory: NamedDependency[Directory],
    reference: Named = None,
    wallet: InUse = None,
    is_blocked: Blocked = None,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> UserPage:
    """Return one page of users in the order in which they were created, each with the wallet in use.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 users are looked at for it.
    """
    asked = UserFilter(reference=reference, wallet=wallet, is_blocked=is_blocked)
    return await page_of(UserPage, "users", asked, directory.users, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/users/{user_id:str}/wallets",
    operation_id="listWallets",
    summary="All wallets that a user ever had, newest first",
    tags=["Users"],
    responses=problems(403, 404),
)
async def list_wallets(
    directory: NamedDependency[Directory],
    user_id: UserId,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> WalletPage:
    """Return one page of wallets in the order in which they were linked; the last one is in use."""
    asked = user_in_path(user_id)
    return await page_of(WalletPage, "wallets", asked, directory.wallets, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/merchants",
    operation_id="listMerchants",
    summary="Merchants, newest first",
    tags=["Merchants"],
    responses=problems(),
)
async def list_merchants(
    request: Request[Any, Any, Any],
    directory: NamedDependency[Directory],
    name: Called = None,
    is_active: Active = None,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> MerchantPage:
    """Return one page of merchants in the order in which they were created; a merchant sees itself only.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 merchants are looked at for it.
    """
    asked = MerchantFilter(merchant_id=principal_of(request).merchant_id, name=name, is_active=is_active)
    return await page_of(MerchantPage, "merchants", asked, directory.merchants, order=order, cursor=cursor, limit=limit)


DIRECTORY_ROUTES = [list_users, list_wallets, list_merchants]
