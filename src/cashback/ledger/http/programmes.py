"""Programmes over REST: the operator says what is paid, and for how much in all."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import Digits, IdempotencyKey, principal_of, problems, require_operator
from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.ledger.model import NewProgramme, Programme
from cashback.ledger.service import Programmes, Readings


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a new programme; the same name with the same terms again changes nothing."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    rate_bps: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    budget_minor: Digits
    token_rate_numerator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1
    token_rate_denominator: Annotated[int, msgspec.Meta(ge=1, le=10**12)] = 1


class ProgrammeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with what is left of its budget."""

    id: str
    name: str
    currency: str
    exponent: int
    rate_bps: int
    ruleset_id: str
    ruleset_version: int
    token_rate_numerator: int
    token_rate_denominator: int
    budget_minor: Digits
    budget_left_minor: Digits
    created_at: datetime


@post(
    "/v1/programmes",
    operation_id="createProgramme",
    summary="Start a programme",
    tags=["Programmes"],
    responses=problems(403, 409, 413),
)
async def create_programme(
    request: Request[Any, Any, Any],
    programmes: NamedDependency[Programmes],
    data: JSONBody[ProgrammeBody],
    idempotency_key: IdempotencyKey,
) -> ProgrammeAnswer:
    """Start the programme that decides every purchase from now on.

    Its name stands for its terms for ever: the same again is answered with the same programme, others with 409.
    """
    # Sent with every POST, but the name already does its work: two programmes of one name cannot be.
    del idempotency_key
    require_operator(principal_of(request))
    terms = NewProgramme(
        name=data.name,
        currency=data.currency,
        rate=Bps(data.rate_bps),
        token_rate=TokenRate(data.token_rate_numerator, data.token_rate_denominator),
        budget=Minor(int(data.budget_minor)),
    )
    return _answer(await programmes.create(terms))


@get(
    "/v1/programmes/current",
    operation_id="showProgramme",
    summary="The programme in force",
    tags=["Programmes"],
    responses=problems(403, 404),
)
async def show_programme(request: Request[Any, Any, Any], readings: NamedDependency[Readings]) -> ProgrammeAnswer:
    """Return the programme in force and what is left of its budget."""
    require_operator(principal_of(request))
    return _answer(await readings.programme())


def _answer(programme: Programme) -> ProgrammeAnswer:
    """Return a programme in the answer's words."""
    return ProgrammeAnswer(
        id=programme.id,
        name=programme.name,
        currency=programme.ruleset.currency.code,
        exponent=programme.ruleset.currency.exponent,
        rate_bps=programme.ruleset.rate,
        ruleset_id=programme.ruleset.id,
        ruleset_version=programme.ruleset.version,
        token_rate_numerator=programme.conversion.rate.numerator,
        token_rate_denominator=programme.conversion.rate.denominator,
        budget_minor=str(programme.budget),
        budget_left_minor=str(programme.budget_left),
        created_at=programme.created_at,
    )


PROGRAMME_ROUTES = [create_programme, show_programme]
