"""API keys over REST: a merchant's own, the operator's all; the secret is told once, and never again."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, Terms, principal_of, problems
from cashback.purchases.http.commands import answer, asked_by, command_route, in_path
from cashback.purchases.model import ApiKeyUnknown, Order
from cashback.purchases.model.api_keys import (
    OVERLAP_DEFAULT_S,
    OVERLAP_MAX_S,
    ApiKeyAnswer,
    NewApiKeyAnswer,
    NewKey,
    Rotation,
)
from cashback.purchases.service import KeyOrders

TAG: Final = "API keys"
KeyId = Annotated[str, PathParameter(description="An API key's id, `key_...`.")]
End = Annotated[datetime, msgspec.Meta(description="From then on it opens nothing.")]


class ApiKeyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key; an operator that names no merchant makes one of its own, a merchant makes its own alone."""

    label: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Whose key it is, for people.")]
    merchant_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    scopes: (
        Annotated[
            list[Annotated[str, msgspec.Meta(max_length=100)]],
            msgspec.Meta(
                min_length=1,
                max_length=100,
                description="What it is made for; those of the caller's key when left out.",
            ),
        ]
        | None
    ) = None
    expires_at: End | None = None


class RotationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the key that is replaced goes on, and the end of the new one: that of the old one when left out."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=OVERLAP_MAX_S)] = OVERLAP_DEFAULT_S
    expires_at: End | None = None


class RevocationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An empty object: the path says which key."""


class ApiKeyPage(Page[ApiKeyAnswer], frozen=True):
    """One page of API keys; `next_cursor` is null on the last one."""


@command_route(
    "/v1/api-keys", operation_id="createApiKey", summary="Create an API key", tag=TAG, makes="/v1/api-keys/{key_id}"
)
async def create_api_key(
    request: Request[Any, Any, Any],
    key_orders: NamedDependency[KeyOrders],
    data: JSONBody[ApiKeyBody],
    idempotency_key: IdempotencyKey,
) -> Response[NewApiKeyAnswer]:
    """Make a key that may do no more than the caller's, nor for longer; a repeat tells it without its secret."""
    asked = NewKey(
        label=data.label,
        merchant_id=data.merchant_id,
        scopes=None if data.scopes is None else tuple(data.scopes),
        expires_at=data.expires_at,
    )
    order = Order(**asked_by(request, idempotency_key))
    return answer(await key_orders.create(order, asked, by=principal_of(request)))


@get(
    "/v1/api-keys",
    operation_id="listApiKeys",
    summary="API keys, about the newest first",
    tags=[TAG],
    responses=problems(),
)
async def list_api_keys(
    request: Request[Any, Any, Any],
    key_orders: NamedDependency[KeyOrders],
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> ApiKeyPage:
    """Return one page of keys, without their secrets, revoked ones included; a merchant sees its own alone."""
    terms = Terms.of("api_keys")
    items, place = await key_orders.keys(by=principal_of(request), place=terms.place(cursor), limit=limit)
    return ApiKeyPage.of(items, terms.bound(place))


@get("/v1/api-keys/{key_id:str}", operation_id="showApiKey", summary="One API key", tags=[TAG], responses=problems(404))
async def show_api_key(
    request: Request[Any, Any, Any], key_orders: NamedDependency[KeyOrders], key_id: KeyId
) -> ApiKeyAnswer:
    """Return a key without its secret: what it was made for, and until when."""
    return await key_orders.key(_in_path(key_id), by=principal_of(request))


@command_route(
    "/v1/api-keys/{key_id:str}/rotate",
    operation_id="rotateApiKey",
    summary="Replace an API key",
    tag=TAG,
    makes="/v1/api-keys/{key_id}",
)
async def rotate_api_key(
    request: Request[Any, Any, Any],
    key_orders: NamedDependency[KeyOrders],
    key_id: KeyId,
    data: JSONBody[RotationBody],
    idempotency_key: IdempotencyKey,
) -> Response[NewApiKeyAnswer]:
    """Make a key with the same rights; the old one goes on for `overlap_s`. A repeat tells it without its secret."""
    asked = Rotation(key_id=_in_path(key_id), overlap_s=data.overlap_s, expires_at=data.expires_at)
    order = Order(**asked_by(request, idempotency_key))
    return answer(await key_orders.rotate(order, asked, by=principal_of(request)))


@command_route("/v1/api-keys/{key_id:str}/revoke", operation_id="revokeApiKey", summary="Revoke an API key", tag=TAG)
async def revoke_api_key(
    request: Request[Any, Any, Any],
    key_orders: NamedDependency[KeyOrders],
    key_id: KeyId,
    data: JSONBody[RevocationBody],
    idempotency_key: IdempotencyKey,
) -> Response[ApiKeyAnswer]:
    """Have a key open nothing any more: at once in the process that answers, within five seconds in every other."""
    del data
    order = Order(**asked_by(request, idempotency_key))
    return answer(await key_orders.revoke(order, _in_path(key_id), by=principal_of(request)))


def _in_path(key_id: str) -> str:
    """Return the key's id of a path.

    Raises:
        ApiKeyUnknown: it has no id's form.
    """
    return in_path(key_id, prefix="key", parameter="key_id", unknown=ApiKeyUnknown)


API_KEY_ROUTES = [create_api_key, list_api_keys, show_api_key, rotate_api_key, revoke_api_key]
