"""The reference that the API serves about itself, to everybody: plain pages, which ask nobody else for anything.

the OpenAPI document ──▶ document ──▶ operations ──▶ /docs/{tag}     what it takes and answers, with examples
                             │  kinds, members, samples
guide.toml ──────────────────┼──────▶ overview ────▶ /docs           what holds for all of them
                             │                       /docs/schemas
problems.toml ──▶ problems ──┴──────▶ problem_pages ▶ /docs/problems, /docs/problems/{code}
                                       style.css ───▶ /docs/style.css
frame is around each, markup is what they are written with

They are made once, when somebody first asks for one. Nothing in them is a script, and by
their own policy none would run.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Any, Final

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from cashback.kernel.problem import PAGES, title_of
from cashback.processes.api.openapi import has_already, made_once, published_of
from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference.document import DOCS, read
from cashback.processes.api.reference.frame import PROBLEMS, STYLE, Frame
from cashback.processes.api.reference.members import SCHEMAS
from cashback.processes.api.reference.operations import Operations
from cashback.processes.api.reference.overview import guide, overview_of, schemas_of
from cashback.processes.api.reference.problem_pages import list_of_all, page_of, page_of_status, statuses_of_framework

POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a page may do (Content Security Policy): be seen, in our style."""

FRESH_S: Final = 3_600
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": f"public, max-age={FRESH_S}"}
_MADE: Final = "reference"
Code = Annotated[str, PathParameter(description="The `code` of a problem.")]
Name = Annotated[str, PathParameter(description="A tag, as it stands in an address.")]


class Page(msgspec.Struct, frozen=True):
    """What is served at one address; `etag` is another one as soon as a byte of it is (RFC 9110, section 8.8.3)."""

    content: bytes
    media_type: str = "text/html"

    @property
    def etag(self) -> str:
        """What it is known by."""
        return f'"{sha256(self.content).hexdigest()[:16]}"'


def reference_routes() -> list[Any]:
    """Return the routes of the reference."""

    @get([DOCS, PROBLEMS, STYLE], include_in_schema=False)
    async def show_page(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Show the overview, all problems, or how the pages look."""
        return await _answer(request, str(request.scope["path"]).rstrip("/"))

    @get(f"{DOCS}/{{name:str}}", include_in_schema=False)
    async def show_tag(request: Request[Any, Any, Any], name: Name) -> Response[bytes]:
        """Show the operations of a tag, or all schemas."""
        return await _answer(request, f"{DOCS}/{name}")

    @get(f"{PAGES}{{code:str}}", include_in_schema=False)
    async def show_problem(request: Request[Any, Any, Any], code: Code) -> Response[bytes]:
        """Show one problem: what it means, and what to do about it."""
        return await _answer(request, f"{PAGES}{code}")

    return [show_page, show_tag, show_problem]


def pages_of(document: Mapping[str, Any]) -> dict[str, Page]:
    """Return all pages that there are of a document, by their addresses."""
    api, problems = read(document), known_problems()
    frame = Frame(api, {anchor: section.title for anchor, section in guide().items()})
    operations = Operations(api, problems)
    pages = {
        DOCS: frame.page("API reference", *overview_of(api), at=DOCS, told=api.text),
        SCHEMAS: frame.page("Schemas", *schemas_of(api, document), at=SCHEMAS),
        PROBLEMS: frame.page("Problems", *list_of_all(problems), at=PROBLEMS),
    }
    for tag in api.tags:
        pages[tag.page] = frame.page(tag.name, *operations.main(tag), at=tag.page, tag=tag, told=tag.text)
    unnamed = {code: page_of_status(code) for code in statuses_of_framework()}
    for code, problem in {**unnamed, **problems}.items():
        if problem is not None:
            at = f"{PAGES}{code}"
            pages[at] = frame.page(title_of(code), *page_of(code, problem, api), at=at, told=problem.means)
    style = files("cashback.processes.api.reference").joinpath("style.css").read_bytes()
    return {**{at: Page(content) for at, content in pages.items()}, STYLE: Page(style, "text/css")}


async def _answer(request: Request[Any, Any, Any], address: str) -> Response[bytes]:
    """Return what is served at an address, or that whoever asks has it already.

    Raises:
        NotFoundException: nothing is.
    """
    page = (await made_once(request.app, _MADE, _pages_of)).get(address)
    if page is None:
        raise NotFoundException
    headers = {**_HEADERS, "ETag": page.etag}
    if has_already(request, page.etag):
        return Response(b"", status_code=304, headers=headers)
    return Response(page.content, media_type=page.media_type, headers=headers)


def _pages_of(app: Litestar) -> Mapping[str, Page]:
    """Return all pages of an application."""
    return _made(published_of(app).content)


@lru_cache(maxsize=1)
def _made(document: bytes) -> Mapping[str, Page]:
    """Return all pages of a document: a process that has several applications makes them once."""
    return pages_of(msgspec.json.decode(document))
