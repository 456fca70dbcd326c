"""The programme in force over REST; it is started where every command is done once, in purchases."""

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency

from cashback.kernel.http import principal_of, problems, require_operator
from cashback.ledger.model import ProgrammeAnswer
from cashback.ledger.service import Readings, programme_answer


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
    return programme_answer(await readings.programme())


PROGRAMME_ROUTES = [show_programme]
