"""Edits over REST: what merchants and users are called, changed by whoever has seen how they are called."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import IdempotencyKey, Reference, Seen
from cashback.purchases.http.commands import answer, command_route, merchant_in_path, ordered_by, user_in_path
from cashback.purchases.http.people import MerchantId, UserId
from cashback.purchases.model import Merchant, User
from cashback.purchases.service.editing import Edits, MerchantName, UserReference


class MerchantNameBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a merchant is called from now on."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class UserReferenceBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator calls a user from now on; null for nothing."""

    reference: Reference | None


@command_route(
    "/v1/merchants/{merchant_id:str}",
    operation_id="changeMerchant",
    summary="Give a merchant another name",
    tag="Merchants",
    meets=(403, 404, 409, 412, 428),
)
async def change_merchant(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    edits: NamedDependency[Edits],
    merchant_id: MerchantId,
    data: JSONBody[MerchantNameBody],
    idempotency_key: IdempotencyKey,
    if_match: Seen,
) -> Response[Merchant]:
    """Call it so from now on, if it is still as the caller has seen it; category and owners are set by themselves."""
    order = ordered_by(request, idempotency_key)
    asked = merchant_in_path(merchant_id)
    return answer(await edits.name_merchant(order, MerchantName(merchant_id=asked, name=data.name), seen=if_match))


@command_route(
    "/v1/users/{user_id:str}",
    operation_id="changeUser",
    summary="Give a user another reference",
    tag="Users",
    meets=(403, 404, 409, 412, 428),
)
async def change_user(  # as above
    request: Request[Any, Any, Any],
    edits: NamedDependency[Edits],
    user_id: UserId,
    data: JSONBody[UserReferenceBody],
    idempotency_key: IdempotencyKey,
    if_match: Seen,
) -> Response[User]:
    """Call them so from now on, if they are still as the caller has seen them; tier and wallet are set elsewhere."""
    order = ordered_by(request, idempotency_key)
    asked = user_in_path(user_id)
    change = UserReference(user_id=asked, reference=data.reference)
    return answer(await edits.refer_to_user(order, change, seen=if_match))


EDIT_ROUTES = [change_merchant, change_user]
