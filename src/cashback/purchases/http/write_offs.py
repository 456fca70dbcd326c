"""Giving up what a user owes over REST: an operator's command_route, with a person and a reason."""

from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import IdempotencyKey
from cashback.kernel.money import Amount
from cashback.purchases.http.commands import OrderBody, answer, command_route, signed_by
from cashback.purchases.model.refunds import DebtWriteOff, WriteOffAnswer
from cashback.purchases.service import DebtWriteOffs

UserId = Annotated[str, PathParameter(description="A user's id, `usr_...`.")]


class WriteOffBody(OrderBody, frozen=True, kw_only=True):
    """Who gives up how much of a debt, and why; all of it when `token_units` is left out."""

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
    command = DebtWriteOff(
        **signed_by(request, idempotency_key, data),
        user_id=user_id,
        token_units=None if data.token_units is None else int(data.token_units),
    )
    return answer(await write_offs.write_off(command))


WRITE_OFF_ROUTES = [write_off_debt]
