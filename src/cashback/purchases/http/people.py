"""Users with their wallets, and merchants, over REST: the operator's to create, since users belong to the operator."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter

from cashback.kernel.http import principal_of, require_operator
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import REPLAY_HEADER, IdempotencyKey, Reference, answer, key_of, owner_of
from cashback.purchases.model import Merchant, MerchantUnknown, NewMerchant, NewUser, NewWallet, User
from cashback.purchases.service import People

UserId = Annotated[str, Parameter(description="A user's id, `usr_...`.", max_length=64)]
MerchantId = Annotated[str, Parameter(description="A merchant's id, `mer_...`.", max_length=64)]
Wallet = Annotated[str, msgspec.Meta(max_length=64, description="An EVM address with its EIP-55 checksum.")]


class UserBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new user; cashback waits until a wallet is known."""

    reference: Reference | None = None
    wallet: Wallet | None = None


class WalletBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wallet to use from now on; what was requested before goes where it was going."""

    wallet: Wallet


class MerchantBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new merchant."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


@post("/v1/users", summary="Create a user", tags=["Users"], response_headers=[REPLAY_HEADER])
async def create_user(
    request: Request[Any, Any, Any], people: People, data: UserBody, idempotency_key: IdempotencyKey = None
) -> Response[User]:
    """Create a user, with a wallet or without one for now."""
    principal = principal_of(request)
    require_operator(principal)
    command = NewUser(
        owner=owner_of(principal),
        key=key_of(idempotency_key),
        traceparent=current_traceparent(),
        reference=data.reference,
        wallet=data.wallet,
    )
    return answer(await people.create_user(command))


@post("/v1/users/{user_id:str}/wallet", summary="Set a user's wallet", tags=["Users"], response_headers=[REPLAY_HEADER])
async def set_wallet(
    request: Request[Any, Any, Any],
    people: People,
    user_id: UserId,
    data: WalletBody,
    idempotency_key: IdempotencyKey = None,
) -> Response[User]:
    """Use this wallet from now on; cashback that waited for one is minted to it."""
    principal = principal_of(request)
    require_operator(principal)
    command = NewWallet(
        owner=owner_of(principal),
        key=key_of(idempotency_key),
        traceparent=current_traceparent(),
        user_id=user_id,
        wallet=data.wallet,
    )
    return answer(await people.set_wallet(command))


@get("/v1/users/{user_id:str}", summary="One user", tags=["Users"])
async def show_user(request: Request[Any, Any, Any], people: People, user_id: UserId) -> User:
    """Return a user with the wallet in use."""
    require_operator(principal_of(request))
    return await people.user(user_id)


@post("/v1/merchants", summary="Create a merchant", tags=["Merchants"], response_headers=[REPLAY_HEADER])
async def create_merchant(
    request: Request[Any, Any, Any], people: People, data: MerchantBody, idempotency_key: IdempotencyKey = None
) -> Response[Merchant]:
    """Create a merchant; `cashback keys create` then gives it an API key."""
    principal = principal_of(request)
    require_operator(principal)
    command = NewMerchant(
        owner=owner_of(principal), key=key_of(idempotency_key), traceparent=current_traceparent(), name=data.name
    )
    return answer(await people.create_merchant(command))


@get("/v1/merchants/{merchant_id:str}", summary="One merchant", tags=["Merchants"])
async def show_merchant(request: Request[Any, Any, Any], people: People, merchant_id: MerchantId) -> Merchant:
    """Return a merchant; a merchant sees itself only."""
    if not principal_of(request).may_see(merchant_id):
        raise MerchantUnknown(f"there is no merchant {merchant_id}")
    return await people.merchant(merchant_id)


PEOPLE_ROUTES = [create_user, set_wallet, show_user, create_merchant, show_merchant]
