"""HEAD wherever GET is served (RFC 9110, section 9.3.2): the same answer without its body."""

from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send


class Head:
    """ASGI middleware that asks for GET when asked for HEAD, and keeps the body back."""

    def __init__(self, app: ASGIApp) -> None:
        """Serve HEAD with `app`."""
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def headless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        asked: Any = {**scope, "method": "GET"}
        await self._app(asked, receive, headless)
