"""What people decide over REST: verdicts on cashbacks in review, pauses of programmes."""

from typing import Annotated, Any, Literal

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import IdempotencyKey
from cashback.purchases.http.commands import OrderBody, answer, command_route, in_path, signed_by
from cashback.purchases.model.verdicts import ProgrammePause, ReviewSaid
from cashback.purchases.service import CashbackUnknown, PauseAnswer, ProgrammeUnknown, ReviewAnswer, Verdicts

CashbackId = Annotated[str, PathParameter(description="A cashback's id, `cb_...`.")]
ProgrammeId = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]


class ReviewBody(OrderBody, frozen=True, kw_only=True):
    """A person's verdict; each has one, and one rejection is enough."""

    verdict: Literal["approve", "reject"]


@command_route(
    "/v1/cashback/{cashback_id:str}/review",
    operation_id="reviewCashback",
    summary="Approve or reject a cashback in review",
    tag="Cashback",
)
async def review_cashback(
    request: Request[Any, Any, Any],
    verdicts: NamedDependency[Verdicts],
    cashback_id: CashbackId,
    data: JSONBody[ReviewBody],
    idempotency_key: IdempotencyKey,
) -> Response[ReviewAnswer]:
    """Write down a person's verdict; once enough is said the ledger's worker does it, within seconds.

    Above the programme's second amount two people must approve: the same one twice is refused with
    `second_person_required`.
    """
    command = ReviewSaid(
        **signed_by(request, idempotency_key, data),
        cashback_id=in_path(cashback_id, prefix="cb", parameter="cashback_id", unknown=CashbackUnknown),
        verdict=data.verdict,
    )
    return answer(await verdicts.give(command))


@command_route(
    "/v1/programmes/{programme_id:str}/pause",
    operation_id="pauseProgramme",
    summary="Pause a programme",
    tag="Programmes",
)
async def pause_programme(
    request: Request[Any, Any, Any],
    verdicts: NamedDependency[Verdicts],
    programme_id: ProgrammeId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
) -> Response[PauseAnswer]:
    """Grant, release, expire and request nothing of it until it is resumed; what was requested goes on."""
    return await _pause(request, verdicts, programme_id, data, key=idempotency_key, is_paused=True)


@command_route(
    "/v1/programmes/{programme_id:str}/resume",
    operation_id="resumeProgramme",
    summary="Resume a paused programme",
    tag="Programmes",
)
async def resume_programme(
    request: Request[Any, Any, Any],
    verdicts: NamedDependency[Verdicts],
    programme_id: ProgrammeId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
) -> Response[PauseAnswer]:
    """Go on where it was paused: what became due meanwhile is done within seconds."""
    return await _pause(request, verdicts, programme_id, data, key=idempotency_key, is_paused=False)


async def _pause(
    request: Request[Any, Any, Any],
    verdicts: Verdicts,
    programme_id: str,
    data: OrderBody,
    *,
    key: str,
    is_paused: bool,
) -> Response[PauseAnswer]:
    """Have a programme paused or resumed."""
    command = ProgrammePause(
        **signed_by(request, key, data),
        programme_id=in_path(programme_id, prefix="prg", parameter="programme_id", unknown=ProgrammeUnknown),
        is_paused=is_paused,
    )
    return answer(await verdicts.give(command))


VERDICT_ROUTES = [review_cashback, pause_programme, resume_programme]
