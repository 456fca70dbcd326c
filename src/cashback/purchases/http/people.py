"""Users and merchants over REST: the operator's to create, since users belong to the operator."""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.entity import tag_of
from cashback.kernel.http import (
    PAGE_DEFAULT,
    TAG_HEADER,
    Cursor,
    Held,
    IdempotencyKey,
    InOrder,
    Limit,
    Page,
    Reference,
    SeenIfTold,
    page_of,
    principal_of,
    problems,
    tagged,
    tagged_problems,
)
from cashback.kernel.listing import Order
from cashback.purchases.http.commands import answer, asked_by, command_route, merchant_in_path, user_in_path
from cashback.purchases.model import Merchant, MerchantUnknown, NewMerchant, NewUser, NewWallet, User
from cashback.purchases.service import BalanceStory, CashbackFilter, CashbackItem, Lists, People, UserStories

UserId = Annotated[str, PathParameter(description="A user's id, `usr_...`.")]
MerchantId = Annotated[str, PathParameter(description="A merchant's id, `mer_...`.")]
Wallet = Annotated[str, msgspec.Meta(max_length=64, description="An EVM address with its EIP-55 checksum.")]


class UserBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user; cashback waits until a wallet is known."""

    reference: Reference | None = None
    wallet: Wallet | None = None
    tier: Annotated[str, msgspec.Meta(max_length=40, description="A name that rules know, such as `gold`.")] | None = (
        None
    )


class WalletBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wallet to use from now on; what was requested before goes where it was going.

    Where the user has proved another one, a person decides it and says why; then it waits.
    """

    wallet: Wallet
    person: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Who decides this.")] | None = None
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, description="Why; it is kept.")] | None = None


class MerchantBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new merchant."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    mcc: (
        Annotated[str, msgspec.Meta(min_length=4, max_length=4, description="The category code of ISO 18245.")] | None
    ) = None
    owners: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=64)]],
        msgspec.Meta(max_length=100, description="The users who own it: what they buy there is self-dealing."),
    ] = []


class CashbackPage(Page[CashbackItem], frozen=True):
    """One page of cashback, perhaps a short one; `next_cursor` is null on the last one."""


@command_route(
    "/v1/users",
    operation_id="createUser",
    summary="Create a user",
    tag="Users",
    meets=(403, 409),
    makes="/v1/users/{user_id}",
)
async def create_user(
    request: Request[Any, Any, Any],
    people: NamedDependency[People],
    data: JSONBody[UserBody],
    idempotency_key: IdempotencyKey,
) -> Response[User]:
    """Create a user, with a wallet or without one for now; with one it needs the scope that setting a wallet needs."""
    if data.wallet is not None:
        # A wallet is where tokens go: a key for users alone links none, whichever way it takes.
        principal_of(request).require("wallets:write", pointer="/wallet")
    command = NewUser(
        **asked_by(request, idempotency_key), reference=data.reference, wallet=data.wallet, tier=data.tier
    )
    return answer(await people.create_user(command))


@command_route(
    "/v1/users/{user_id:str}/wallet",
    operation_id="setWallet",
    summary="Set a user's wallet",
    tag="Users",
    meets=(403, 404, 409, 412),
)
async def set_wallet(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    people: NamedDependency[People],
    user_id: UserId,
    data: JSONBody[WalletBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[User]:
    """Use this wallet from now on; cashback that waited for one is minted to it.

    A user who has proved a wallet keeps it (409 `wallet_proved`), unless a person decides otherwise and says why: then
    the wallet waits until `next_wallet_at`. Nobody gets a wallet of somebody else (409 `wallet_taken`).
    """
    command = NewWallet(
        **asked_by(request, idempotency_key),
        user_id=user_in_path(user_id),
        wallet=data.wallet,
        person=data.person,
        reason=data.reason,
    )
    return answer(await people.set_wallet(command, seen=if_match))


@get(
    "/v1/users/{user_id:str}",
    operation_id="showUser",
    summary="One user",
    tags=["Users"],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(403, 404),
)
async def show_user(people: NamedDependency[People], user_id: UserId, if_none_match: Held = None) -> Response[User]:
    """Return a user with the wallet in use; what they earned moves no `ETag`."""
    user = await people.user(user_in_path(user_id))
    return tagged(user, tag_of(user), if_none_match)


@get(
    "/v1/users/{user_id:str}/cashback",
    operation_id="listCashback",
    summary="Cashback of one user, newest first",
    tags=["Users"],
    responses=problems(404),
)
async def list_cashback(
    request: Request[Any, Any, Any],
    lists: NamedDependency[Lists],
    user_id: UserId,
    order: InOrder = Order.DESC,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> CashbackPage:
    """Return one page in the order in which they were decided; a merchant sees only what was earned with it.

    Where the user earned more than 1,000 times with it, its page may be short, even empty, and have a `next_cursor`: at
    most 10,000 cashbacks of its own are looked at for one.
    """
    merchant_id = principal_of(request).merchant_id
    asked = CashbackFilter(user_id=user_in_path(user_id), merchant_id=merchant_id)
    read = partial(lists.cashbacks, seen_by=merchant_id)
    return await page_of(CashbackPage, "cashback", asked, read, order=order, cursor=cursor, limit=limit)


@get(
    "/v1/users/{user_id:str}/balance",
    operation_id="showBalance",
    summary="A user's balance, in the ledger and on the chain",
    tags=["Users"],
    responses=problems(403, 404),
)
async def show_balance(user_stories: NamedDependency[UserStories], user_id: UserId) -> BalanceStory:
    """Return both figures; when the adapter does not answer in time, the ledger's alone, marked stale."""
    return await user_stories.balance(user_id)


@command_route(
    "/v1/merchants",
    operation_id="createMerchant",
    summary="Create a merchant",
    tag="Merchants",
    makes="/v1/merchants/{merchant_id}",
)
async def create_merchant(
    request: Request[Any, Any, Any],
    people: NamedDependency[People],
    data: JSONBody[MerchantBody],
    idempotency_key: IdempotencyKey,
) -> Response[Merchant]:
    """Create a merchant; `POST /v1/api-keys` then gives it an API key."""
    command = NewMerchant(**asked_by(request, idempotency_key), name=data.name, mcc=data.mcc, owners=tuple(data.owners))
    return answer(await people.create_merchant(command))


@get(
    "/v1/merchants/{merchant_id:str}",
    operation_id="showMerchant",
    summary="One merchant",
    tags=["Merchants"],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(404),
)
async def show_merchant(
    request: Request[Any, Any, Any],
    people: NamedDependency[People],
    merchant_id: MerchantId,
    if_none_match: Held = None,
) -> Response[Merchant]:
    """Return a merchant; a merchant sees itself only."""
    asked = merchant_in_path(merchant_id)
    if not principal_of(request).may_see(asked):
        # In the very words of what does not exist, or they would tell that it does.
        raise MerchantUnknown("there is no such merchant", parameter="merchant_id")
    merchant = await people.merchant(asked)
    return tagged(merchant, tag_of(merchant), if_none_match)


PEOPLE_ROUTES = [create_user, set_wallet, show_user, list_cashback, show_balance, create_merchant, show_merchant]
