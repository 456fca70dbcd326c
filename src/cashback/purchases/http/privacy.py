"""Personal data over REST: the operator has all that is known of a user told, or erased; both are noted for good."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from litestar.response import Stream

from cashback.kernel.http import (
    IdempotencyKey,
    held_by,
    is_head,
    left_behind,
    may_take,
    no_body,
    principal_of,
    problems,
)
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import OrderBody, answer, command_route, signed_by, user_in_path
from cashback.purchases.http.people import UserId
from cashback.purchases.model.privacy import Asker, Erasure, ErasureAnswer
from cashback.purchases.service import Erasing, Exports, UserExport

EXPORT_WITHIN_S: Final = 600.0
"""What somebody bought over many years takes a while; what takes longer is cut off."""

_EXPORT: Final = ResponseSpec(UserExport, generate_examples=False, description="All that is known of the user.")


@get(
    "/v1/users/{user_id:str}/export",
    operation_id="exportUser",
    summary="All that is known of a user",
    tags=["Users"],
    responses={200: _EXPORT, **problems(403, 404)},
)
async def export_user(
    request: Request[Any, Any, Any], exports: NamedDependency[Exports], user_id: UserId
) -> Response[Any]:
    """Return user, wallets, blocks, merchants, purchases, refunds, cashback, adjustments and statement as one document.

    It is written while it is read, for ten minutes at most, one at a time for a key and four in all. That it was asked
    for, with which key, stands among its `disclosures` for good.
    """
    caller = principal_of(request)
    if is_head(request):
        await exports.require(user_id)
        return Stream(no_body(), media_type="application/json")
    may_take(request, EXPORT_WITHIN_S)
    held = held_by(request, exports.seat(caller.party))
    asker = Asker(key_id=caller.key_id, traceparent=current_traceparent())
    return Stream(left_behind(held, await exports.export(user_id, asker)), media_type="application/json")


@command_route(
    "/v1/users/{user_id:str}/erase", operation_id="eraseUser", summary="Erase a user's personal data", tag="Users"
)
async def erase_user(
    request: Request[Any, Any, Any],
    erasing: NamedDependency[Erasing],
    user_id: UserId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
) -> Response[ErasureAnswer]:
    """Erase reference, tier, wallets and ownership for good, and block the user; what was bought stays, of nobody.

    It cannot be undone. While a mint of theirs is under way or stuck it is 409 `cashback_in_flight`. What waits for a
    wallet expires as its programme says. Do not name the user in `reason`: it is kept.
    """
    signed = signed_by(request, idempotency_key, data)
    asked = user_in_path(user_id)
    return answer(await erasing.erase(Erasure(**signed, user_id=asked)))


PRIVACY_ROUTES = [export_user, erase_user]
