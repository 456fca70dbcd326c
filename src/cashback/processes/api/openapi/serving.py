"""The document as it is served: its bytes, made once, and the tag by which who has them already is told so."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, TypeVar

import msgspec
from litestar import Litestar, Request, Response, get

from cashback.processes.api.openapi.finishing import finished

MEDIA_TYPE: Final = "application/vnd.oai.openapi+json"
_PUBLISHED: Final = "published"
_PUBLISHING: Final = "publishing"

T = TypeVar("T")


class Published(msgspec.Struct, frozen=True):
    """The document of one application, whole, and as it is sent."""

    document: dict[str, Any]
    content: bytes
    etag: str


def published_of(app: Litestar) -> Published:
    """Return the document of an application; the first time, the framework looks at all routes for it."""
    found = _made(app)
    if found is None:
        document = finished(app)
        content = msgspec.json.encode(document)
        found = Published(document, content, f'"{sha256(content).hexdigest()[:16]}"')
        app.state[_PUBLISHED] = found
    return found


def document_routes() -> list[Any]:
    """Return the route that tells of all the others."""

    @get(["/openapi/openapi.json", "/openapi"], include_in_schema=False)
    async def show_document(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Show the document, or that it has not changed (RFC 9110, section 13.1.2)."""
        published = _made(request.app)
        if published is None:
            published = await made_once(request.app, _PUBLISHING, published_of)
        headers = {"ETag": published.etag}
        if has_already(request, published.etag):
            return Response(b"", status_code=304, headers=headers)
        return Response(published.content, media_type=MEDIA_TYPE, headers=headers)

    return [show_document]


async def made_once(app: Litestar, name: str, make: Callable[[Litestar], T]) -> T:
    """Return what is made of an application when somebody first asks for it, kept in its state under a name.

    It is made in a thread, beside the requests that are under way, which are not to wait for it; and by one thread,
    however many ask meanwhile: nobody needs a key for that.
    """
    making: asyncio.Task[T] | None = app.state.get(name)
    if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
        making = app.state[name] = asyncio.create_task(asyncio.to_thread(make, app))
    return await asyncio.shield(making)


def _made(app: Litestar) -> Published | None:
    """Return the document, if it was made already."""
    found: Published | None = app.state.get(_PUBLISHED)
    return found


def has_already(request: Request[Any, Any, Any], etag: str) -> bool:
    """Tell whether whoever asks has what goes by this tag, by the weak comparison (RFC 9110, section 13.1.2)."""
    named = [tag.strip() for line in request.headers.getall("if-none-match", []) for tag in line.split(",")]
    return "*" in named or any(tag.removeprefix("W/") == etag for tag in named)
