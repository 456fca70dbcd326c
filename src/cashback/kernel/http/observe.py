"""One thin ASGI middleware that watches every request: its trace, its duration, its answer."""

from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Send
from prometheus_client import Histogram

from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger, trace

DURATION: Final = Histogram(
    "http_server_request_duration_seconds",
    "Time from the request's head to the end of its answer.",
    ["method", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
log = logger(__name__)


class Observe:
    """Continues or starts the request's trace, counts and times it, and tells the caller its trace id."""

    def __init__(self, app: ASGIApp) -> None:
        """Watch `app`."""
        self._app = app

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        begun_s = monotonic_s()
        status = 500
        with trace(given.decode("latin-1") or None) as traceparent:

            async def watched(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    headers: list[Any] = [*message["headers"], (b"traceparent", traceparent.encode())]
                    message["headers"] = headers
                await send(message)

            try:
                await self._app(scope, receive, watched)
            finally:
                DURATION.labels(scope["method"], str(status)).observe(monotonic_s() - begun_s)
