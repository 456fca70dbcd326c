"""Starting a programme over REST: the operator says what is paid, and for how much in all."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import IdempotencyKey, principal_of, problems, require_operator
from cashback.kernel.money import CURRENCY_PATTERN, Amount, Bps, Minor, TokenRate
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.http.commands import REPLAY_HEADER, answer, owner_of
from cashback.purchases.model import ProgrammeStart
from cashback.purchases.service import ProgrammeAnswer, Programmes


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a new programme; the same name with the same terms again changes nothing."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    currency: Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)]
    rate_bps: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    budget_minor: Amount
    token_rate_numerator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1
    token_rate_denominator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1


@post(
    "/v1/programmes",
    operation_id="createProgramme",
    summary="Start a programme",
    tags=["Programmes"],
    response_headers=[REPLAY_HEADER],
    responses=problems(403, 409, 413, 415),
)
async def create_programme(
    request: Request[Any, Any, Any],
    programmes: NamedDependency[Programmes],
    data: JSONBody[ProgrammeBody],
    idempotency_key: IdempotencyKey,
) -> Response[ProgrammeAnswer]:
    """Start the programme that decides every purchase from now on.

    Its name stands for its terms for ever: the same again, under whatever key, is answered with the same programme,
    others with 409. So is one of which a single purchase could earn more than the minter mints at once
    (`grant_above_limit`), as far as the chain tells.
    """
    principal = principal_of(request)
    require_operator(principal)
    command = ProgrammeStart(
        owner=owner_of(principal),
        key=idempotency_key,
        traceparent=current_traceparent(),
        name=data.name,
        currency=data.currency,
        rate=Bps(data.rate_bps),
        token_rate=TokenRate(data.token_rate_numerator, data.token_rate_denominator),
        budget=Minor(int(data.budget_minor)),
    )
    return answer(await programmes.create(command))


PROGRAMME_ROUTES = [create_programme]
