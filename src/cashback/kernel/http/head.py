"""HEAD wherever GET is served (RFC 9110, section 9.3.2): the same answer without its body.

A route whose body is dear to make, or is told to nobody without a note, asks `is_head` and makes none.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Send

_FOUND: Final = ("path_template", "path_params", "user")
_IS_HEAD: Final = "cashback.is_head"


class Head:
    """ASGI middleware that asks for GET when asked for HEAD and keeps the body back, and tells of it in `Allow`.

    That names all methods of a path: the framework's own answer to OPTIONS knows those alone that came first, where
    methods of one path are registered apart.
    """

    def __init__(self, app: ASGIApp, methods: Mapping[str, Collection[str]] | None = None) -> None:
        """Serve HEAD with `app`; `methods` are those of each path, by its template."""
        self._app = app
        self._methods = methods or {}

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] not in {"HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def headless(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = () if is_head else self._methods.get(asked.get("path_template", ""), ())
                message["headers"] = [(name, _whole(name, value, known)) for name, value in message["headers"]]
            elif message["type"] == "http.response.body" and is_head:
                message["body"] = b""
            await send(message)

        asked: Any = {**scope, "method": "GET", _IS_HEAD: True} if is_head else scope
        try:
            await self._app(asked, receive, headless)
        finally:
            # What was found on the way in is told further out, under the method that was asked for.
            scope.update({name: asked[name] for name in _FOUND if name in asked})


def is_head(request: Any) -> bool:  # noqa: ANN401  # litestar's Request has three type variables
    """Tell whether nobody is sent the body that a route is asked for: what goes ahead of it is all that is wanted."""
    return bool(request.scope.get(_IS_HEAD))


async def no_body() -> AsyncIterator[bytes]:
    """Yield no body, of a length that is not told: as with a body, nobody knows it before all is written."""
    yield b""


def allowed(methods: str, known: Collection[str] = ()) -> str:
    """Return a list of methods for an `Allow` header, those that are known among them, and HEAD where GET is."""
    names = {name.strip() for name in methods.split(",")} | {*known}
    return ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))


def _whole(name: bytes, value: bytes, known: Collection[str]) -> bytes:
    """Return the value of a header, completed if it is `Allow`."""
    return allowed(value.decode("latin-1"), known).encode() if name.lower() == b"allow" else value
