"""One thin ASGI middleware that watches every request: its trace, its duration, its answer.

What stands on every answer is written here as well, and the line of the access log: a layer of its own for each would
cost more than what it does.
"""

import asyncio
from http import HTTPMethod, HTTPStatus
from typing import Any, Final

from litestar.types import ASGIApp, Message, Receive, Send
from prometheus_client import Histogram

from cashback.kernel.clock import monotonic_s
from cashback.kernel.failpoints import reach
from cashback.kernel.http.access import AccessLog, code_of
from cashback.kernel.http.limits import told
from cashback.kernel.http.problems import problem, problem_of, send_problem
from cashback.kernel.http.visit import VISIT, Visit
from cashback.kernel.safety import Safety
from cashback.kernel.telemetry import Kind, Span, span

DURATION: Final = Histogram(
    "http_server_request_duration_seconds",
    "Time from the request's head to the end of its answer.",
    ["http_request_method", "http_response_status_code", "http_route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_SERVER_FAILED: Final = 500
_METHODS: Final = frozenset(HTTPMethod)
"""A client may call its method anything; a label takes few values."""


class Observe:
    """Continues or starts the request's trace, counts and times it, and answers for what nobody else caught."""

    def __init__(self, app: ASGIApp, *, safety: Safety | None = None, access: AccessLog | None = None) -> None:
        """Watch `app`; every answer has the headers of `safety`, and a line in `access`, if there is one."""
        self._app = app
        self._safety = safety or Safety()
        self._access = access

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"traceparent"]
        # Of two nobody knows which is the caller's: both are as if there were none (W3C Trace Context).
        parent = given[0].decode("latin-1") or None if len(given) == 1 else None
        send = _past_points(scope, send)
        begun_s = monotonic_s()
        visit = scope[VISIT] = Visit()
        with span("HTTP", kind=Kind.SERVER, parent=parent) as served:

            async def watched(message: Message) -> None:
                if message["type"] == "http.response.start":
                    visit.status = message["status"]
                    headers: list[Any] = [*message["headers"], *self._safety.of(scope["path"], message["headers"])]
                    headers.append((b"traceparent", served.traceparent.encode()))
                    if visit.standing is not None:
                        headers += told(visit.standing)
                    message["headers"] = headers
                elif message["type"] == "http.response.body":
                    _note_body(visit, message.get("body", b""))
                await send(message)

            try:
                await self._app(scope, receive, watched)
            except asyncio.CancelledError:
                # The process is ending and its patience is over; whether it was done, the same request finds out.
                if not visit.status:
                    await send_problem(watched, problem(503, "stopping", "this process is ending; try again"))
                raise
            except Exception as error:  # the server outlives a request that broke
                answer = problem_of(error)
                if visit.status:
                    # Half an answer cannot be taken back: the server cuts the connection.
                    raise
                await send_problem(watched, answer, has_body=scope["method"] != "HEAD")
            finally:
                self._tell(scope, visit, served, took_s=monotonic_s() - begun_s)

    def _tell(self, scope: Any, visit: Visit, served: Span, *, took_s: float) -> None:  # noqa: ANN401  # ASGI's own dict
        """Tell of an answer that was given: by figures, to the access log, and to whoever collects traces."""
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        route = scope.get("path_template") or ""
        status = visit.status or _SERVER_FAILED
        DURATION.labels(method, str(status), route).observe(took_s)
        if served.is_recorded:
            _describe(served, scope, method=method, route=route, status=status)
        if self._access is not None:
            trace_id = served.traceparent.split("-")[1]
            self._access.tell(scope, visit, method=method, route=route, trace_id=trace_id, took_s=took_s)


def _note_body(visit: Visit, body: bytes) -> None:
    """Count a part of an answer, and note the code of a problem, which is sent as a whole."""
    visit.bytes_out += len(body)
    if visit.status >= HTTPStatus.BAD_REQUEST and visit.code is None:
        visit.code = code_of(body)


def _past_points(scope: Any, send: Send) -> Send:  # noqa: ANN401  # ASGI's own dict
    """Return what sends an answer, of a command past the points before and after it."""
    if scope["method"] != HTTPMethod.POST:
        return send

    async def past_points(message: Message) -> None:
        if message["type"] == "http.response.start":
            reach("answer.sending")
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            reach("answer.sent")

    return past_points


def _describe(served: Span, scope: Any, *, method: str, route: str, status: int) -> None:  # noqa: ANN401  # ASGI's own dict
    """Name a request's span by the route that took it, by which there are few, and never by its path.

    By the semantic conventions an answer from 500 on is the server's failure, and one below is not.
    """
    served.name = f"{method} {route}".rstrip() if method in _METHODS else f"HTTP {route}".rstrip()
    served.attributes |= {
        "http.request.method": method,
        "http.response.status_code": status,
        "url.scheme": scope.get("scheme", "http"),
        "url.path": scope["path"],
    }
    if route:
        served.attributes["http.route"] = route
    if status >= _SERVER_FAILED:
        served.error = str(status)
