"""The programme in force over REST; it is started where every command is done once, in purchases."""

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cashback.kernel.entity import tag_of
from cashback.kernel.http import (
    PAGE_DEFAULT,
    TAG_HEADER,
    Cursor,
    Held,
    Limit,
    Page,
    Terms,
    problems,
    tagged,
    tagged_problems,
)
from cashback.kernel.money import CURRENCY_PATTERN
from cashback.ledger.model import ProgrammeAnswer
from cashback.ledger.service import Readings, programme_answer

ProgrammeId = Annotated[str, PathParameter(description="A programme's id, `prg_...`.")]
TakenCurrency = Annotated[
    str | None,
    QueryParameter(pattern=CURRENCY_PATTERN, description="The programme that takes this currency; else the oldest."),
]
InForce = Annotated[
    bool | None, QueryParameter(name="in_force", description="Only programmes in force, or only those that have ended.")
]


class ProgrammePage(Page[ProgrammeAnswer], frozen=True):
    """One page of programmes; `next_cursor` is null on the last one."""


@get(
    "/v1/programmes/current",
    operation_id="showProgramme",
    summary="The programme in force",
    tags=["Programmes"],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(403, 404),
)
async def show_programme(
    readings: NamedDependency[Readings], currency: TakenCurrency = None, if_none_match: Held = None
) -> Response[ProgrammeAnswer]:
    """Return the programme in force and what is left of its budgets."""
    programme = programme_answer(await readings.programme(currency=currency))
    return tagged(programme, tag_of(programme), if_none_match)


@get(
    "/v1/programmes/{programme_id:str}",
    operation_id="showOneProgramme",
    summary="One programme by its id, in force or ended",
    tags=["Programmes"],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(403, 404),
)
async def show_one(
    readings: NamedDependency[Readings], programme_id: ProgrammeId, if_none_match: Held = None
) -> Response[ProgrammeAnswer]:
    """Return a programme and what is left of its budgets, also when it has ended."""
    programme = programme_answer(await readings.programme(programme_id))
    return tagged(programme, tag_of(programme), if_none_match)


@get(
    "/v1/programmes",
    operation_id="listProgrammes",
    summary="All programmes, the oldest first",
    tags=["Programmes"],
    responses=problems(403),
)
async def list_programmes(
    readings: NamedDependency[Readings], in_force: InForce = None, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> ProgrammePage:
    """Return one page, those that have ended included unless told otherwise."""
    terms = Terms.of("programmes", in_force=in_force)
    found, place = await readings.programmes(after=terms.place(cursor), limit=limit, in_force=in_force)
    items = [programme_answer(programme) for programme in found]
    return ProgrammePage.of(items, terms.bound(place))


PROGRAMME_ROUTES = [show_programme, show_one, list_programmes]
