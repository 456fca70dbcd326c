"""What people decide over REST: verdicts on cashbacks in review, pauses of programmes."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import IdempotencyKey, principal_of, require_operator
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import answer, command_route, in_path, owner_of
from cashback.purchases.model.verdicts import ProgrammePause, ReviewSaid
from cashback.purchases.service import CashbackUnknown, PauseAnswer, ProgrammeUnknown, ReviewAnswer, Verdicts

CashbackId = Annotated[str, PathParameter(description="A cashback's id, `cb_...`.")]
ProgrammeId = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]
Person = Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Who decides this.")]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=500, description="Why; it is kept.")]


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's verdict; each has one, and one rejection is enough."""

    verdict: Literal["approve", "reject"]
    person: Person
    reason: Why


class OrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who orders something, and why."""

    person: Person
    reason: Why


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
    principal = principal_of(request)
    require_operator(principal)
    command = ReviewSaid(
        owner=owner_of(principal),
        key=idempotency_key,
        traceparent=current_traceparent(),
        cashback_id=in_path(cashback_id, prefix="cb", parameter="cashback_id", unknown=CashbackUnknown),
        verdict=data.verdict,
        person=data.person,
        reason=data.reason,
        key_id=principal.key_id,
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
    principal = principal_of(request)
    require_operator(principal)
    command = ProgrammePause(
        owner=owner_of(principal),
        key=key,
        traceparent=current_traceparent(),
        programme_id=in_path(programme_id, prefix="prg", parameter="programme_id", unknown=ProgrammeUnknown),
        is_paused=is_paused,
        person=data.person,
        reason=data.reason,
    )
    return answer(await verdicts.give(command))


VERDICT_ROUTES = [review_cashback, pause_programme, resume_programme]
