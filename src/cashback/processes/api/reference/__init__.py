"""The reference that the API serves about itself, to everybody: plain pages, which ask nobody else for anything.

problems.toml ──▶ problems ──▶ pages ──▶ /docs/problems, /docs/problems/{code}
                                         /docs/style.css

They are made once, when the process starts. Nothing in them is a script, and by their own policy none would run.
"""

from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from cashback.kernel.problem import PAGES
from cashback.processes.api.reference.pages import STYLE, overview_of, page_of, page_of_status
from cashback.processes.api.reference.problems import known_problems

POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a page may do (Content Security Policy): be seen, in our style."""

FRESH_S: Final = 3_600
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": f"public, max-age={FRESH_S}"}
Code = Annotated[str, PathParameter(description="The `code` of a problem.")]


def reference_routes() -> list[Any]:
    """Return the routes of the reference."""
    problems = known_problems()
    overview = overview_of(problems)
    pages = {code: page_of(code, problem) for code, problem in problems.items()}

    @get(PAGES.rstrip("/"), include_in_schema=False)
    async def list_problems() -> Response[bytes]:
        """Show all problems."""
        return _response(overview, "text/html")

    @get(f"{PAGES}{{code:str}}", include_in_schema=False)
    async def show_problem(code: Code) -> Response[bytes]:
        """Show one problem: what it means, and what to do about it."""
        found = pages.get(code) or page_of_status(code)
        if found is None:
            raise NotFoundException
        return _response(found, "text/html")

    @get("/docs/style.css", include_in_schema=False)
    async def show_style() -> Response[bytes]:
        """Show how the pages look."""
        return _response(STYLE, "text/css")

    return [list_problems, show_problem, show_style]


def _response(content: bytes, media_type: str) -> Response[bytes]:
    """Return a page, or its style."""
    return Response(content, media_type=media_type, headers=_HEADERS)
