"""Starting a programme over REST: the operator says what is paid, and for how much in all."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import IdempotencyKey
from cashback.kernel.money import CURRENCY_PATTERN, Amount, Bps, Minor, TokenRate
from cashback.purchases.http.commands import ReasonBody, answer, asked_by, command_route, ordered_by
from cashback.purchases.model import ProgrammeStart
from cashback.purchases.service.programmes import Conditions, ProgrammeAnswer, Programmes

ProgrammeId = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a new programme; the same name with the same terms again changes nothing.

    With `rate_bps` and `budget_minor` it starts with one percentage paid by a campaign `base`; with neither, empty.
    A grant above `review_above_minor` waits for a person, and what is reviewed above `second_above_minor` for two.
    A wallet is one user's, or of up to `users_per_wallet` while this programme is in force.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    currency: Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)]
    rate_bps: Annotated[int, msgspec.Meta(ge=1, le=9_999)] | None = None
    budget_minor: Amount | None = None
    token_rate_numerator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1
    token_rate_denominator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    hold_days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 0
    refund_policy: Literal["net_future", "write_off"] = "net_future"
    expire_after_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    write_off_after_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None
    accepts: Annotated[list[Annotated[str, msgspec.Meta(pattern=CURRENCY_PATTERN)]], msgspec.Meta(max_length=50)] = []
    review_above_minor: Amount | None = None
    second_above_minor: Amount | None = None
    users_per_wallet: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


@command_route(
    "/v1/programmes",
    operation_id="createProgramme",
    summary="Start a programme",
    tag="Programmes",
    meets=(403, 409),
    makes="/v1/programmes/{programme_id}",
)
async def create_programme(
    request: Request[Any, Any, Any],
    programmes: NamedDependency[Programmes],
    data: JSONBody[ProgrammeBody],
    idempotency_key: IdempotencyKey,
) -> Response[ProgrammeAnswer]:
    """Start a programme that decides every purchase in its currencies from now on.

    Its name stands for its terms for ever: the same again, under whatever key, is answered with the same programme,
    others with 409. So is one of which a single purchase could earn more than the minter mints at once
    (`grant_above_limit`), as far as the chain tells.
    """
    command = ProgrammeStart(
        **asked_by(request, idempotency_key),
        name=data.name,
        currency=data.currency,
        rate=None if data.rate_bps is None else Bps(data.rate_bps),
        token_rate=TokenRate(data.token_rate_numerator, data.token_rate_denominator),
        budget=None if data.budget_minor is None else Minor(int(data.budget_minor)),
        conditions=_conditions(data),
    )
    return answer(await programmes.create(command))


@command_route(
    "/v1/programmes/{programme_id:str}/end", operation_id="endProgramme", summary="End a programme", tag="Programmes"
)
async def end_programme(
    request: Request[Any, Any, Any],
    programmes: NamedDependency[Programmes],
    programme_id: ProgrammeId,
    data: JSONBody[ReasonBody],
    idempotency_key: IdempotencyKey,
) -> Response[ProgrammeAnswer]:
    """Have it take no purchases from now on; what it granted lives on, and its currencies are free for another."""
    return answer(await programmes.end(ordered_by(request, idempotency_key), programme_id, reason=data.reason))


def _conditions(body: ProgrammeBody) -> Conditions | None:
    """Return the conditions that a body names, None for the usual ones: such a command is as it always was."""
    conditions = Conditions(
        time_zone=body.time_zone,
        hold_days=body.hold_days,
        refund_policy=body.refund_policy,
        expire_after_days=body.expire_after_days,
        write_off_after_days=body.write_off_after_days,
        accepts=tuple(body.accepts),
        review_above=None if body.review_above_minor is None else Minor(int(body.review_above_minor)),
        second_above=None if body.second_above_minor is None else Minor(int(body.second_above_minor)),
        users_per_wallet=body.users_per_wallet,
    )
    return None if conditions == Conditions() else conditions


PROGRAMME_ROUTES = [create_programme, end_programme]
