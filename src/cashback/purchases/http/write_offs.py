"""Giving up what a user owes over REST: an operator's command_route, with a person and a reason."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import IdempotencyKey, principal_of, require_operator
from cashback.kernel.money import Amount
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import answer, command_route, owner_of
from cashback.purchases.model.refunds import DebtWriteOff, WriteOffAnswer
from cashback.purchases.service import DebtWriteOffs

UserId = Annotated[str, PathParameter(description="A user's id, `usr_...`.")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class WriteOffBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gives up how much of a debt, and why; all of it when `token_units` is left out."""

    person: Text
    reason: Text
    token_units: Amount | None = None


@command_route(
    "/v1/debts/{user_id:str}/write-offs", operation_id="writeOffDebt", summary="Give up what a user owes", tag="Debts"
)
async def write_off_debt(
    request: Request[Any, Any, Any],
    write_offs: NamedDependency[DebtWriteOffs],
    user_id: UserId,
    data: JSONBody[WriteOffBody],
    idempotency_key: IdempotencyKey,
) -> Response[WriteOffAnswer]:
    """Give up a user's debt, the oldest first; what was kept back for it before stays kept."""
    principal = principal_of(request)
    require_operator(principal)
    command = DebtWriteOff(
        owner=owner_of(principal),
        key=idempotency_key,
        traceparent=current_traceparent(),
        user_id=user_id,
        person=data.person,
        reason=data.reason,
        token_units=None if data.token_units is None else int(data.token_units),
    )
    return answer(await write_offs.write_off(command))


WRITE_OFF_ROUTES = [write_off_debt]
