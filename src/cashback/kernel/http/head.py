"""HEAD wherever GET is served (RFC 9110, section 9.3.2): the same answer without its body."""

from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Send

_FOUND: Final = ("path_template", "path_params", "user")


class Head:
    """ASGI middleware that asks for GET when asked for HEAD and keeps the body back, and tells of it in `Allow`."""

    def __init__(self, app: ASGIApp) -> None:
        """Serve HEAD with `app`."""
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] not in {"HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"

        async def headless(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name, _with_head(name, value)) for name, value in message["headers"]]
            elif message["type"] == "http.response.body" and is_head:
                message["body"] = b""
            await send(message)

        asked: Any = {**scope, "method": "GET"} if is_head else scope
        try:
            await self._app(asked, receive, headless)
        finally:
            # What was found on the way in is told further out, under the method that was asked for.
            scope.update({name: asked[name] for name in _FOUND if name in asked})


def allowed(methods: str) -> str:
    """Return a list of methods for an `Allow` header, HEAD among them where GET is."""
    names = {name.strip() for name in methods.split(",")}
    return ", ".join(sorted(names | ({"HEAD"} if "GET" in names else set())))


def _with_head(name: bytes, value: bytes) -> bytes:
    """Return the value of a header, completed if it is `Allow`."""
    return allowed(value.decode("latin-1")).encode() if name.lower() == b"allow" else value
