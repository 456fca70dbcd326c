"""The outermost layer answers for what nobody caught, and never twice."""

import asyncio
from typing import Any

import pytest
import structlog
from litestar.types import ASGIApp

from cashback.kernel.http import Observe
from cashback.kernel.telemetry import Kind, Span, record_with

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def ask(app: Any, **changes: object) -> list[dict[str, Any]]:  # noqa: ANN401  # any ASGI application
    """Return what an application under observation sends."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    observed: Any = Observe(app)
    with structlog.testing.capture_logs() as lines:
        try:
            await observed({**SCOPE, **changes}, receive, send)
        finally:
            sent.append({"logged": [line["event"] for line in lines]})
    return sent


async def breaking(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
    """Fail before anything is said."""
    raise RuntimeError("planted")


async def half(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
    """Fail in the middle of an answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("planted")


async def test_what_nobody_caught_is_a_problem() -> None:
    """500, logged, traced."""
    start, body, told = await ask(breaking)
    assert start["status"] == 500
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert b"traceparent" in dict(start["headers"])
    assert b'"internal"' in body["body"]
    assert told["logged"] == ["request.broke"]


async def test_what_is_cut_short_may_be_retried() -> None:
    """503 when the process ends under a request, which is cancelled all the same."""
    sent: list[dict[str, Any]] = []
    begun = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
        """Never answer."""
        begun.set()
        await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    observed: Any = Observe(endless)
    task = asyncio.create_task(observed(SCOPE, None, send))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (sent[0]["status"], b'"stopping"' in sent[1]["body"]) == (503, True)
    assert dict(sent[0]["headers"])[b"retry-after"] == b"1"


async def test_head_is_answered_without_a_body_even_then() -> None:
    """The length is that of the body that GET would have had."""
    start, body, _ = await ask(breaking, method="HEAD")
    assert (start["status"], body["body"]) == (500, b"")
    assert int(dict(start["headers"])[b"content-length"]) > 0


@pytest.mark.parametrize("app", [half])
async def test_half_an_answer_is_cut_off(app: ASGIApp) -> None:
    """It cannot be taken back: the server is told, which ends the connection."""
    with pytest.raises(RuntimeError, match="planted"):
        await ask(app)


async def answering(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI's types
    """Answer with the status in the path, as the route that a router would have found."""
    scope["path_template"] = "/status/{code}"
    await send({"type": "http.response.start", "status": int(scope["path"]), "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("status, error", [(200, None), (404, None), (503, "503")])
async def test_a_request_is_a_span_named_by_its_route(status: int, error: str | None) -> None:
    """Below the caller's, told back to the caller; of failures those that are the server's own make it one."""
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    spans: list[Span] = []
    with record_with(spans.append):
        start, *_ = await ask(answering, path=str(status), headers=[(b"traceparent", given.encode())])
    [told] = spans
    assert (told.name, told.kind, told.parent_id, told.error) == (
        "GET /status/{code}",
        Kind.SERVER,
        given[36:52],
        error,
    )
    assert dict(start["headers"])[b"traceparent"].decode() == told.traceparent
    assert (told.attributes["http.route"], told.attributes["http.response.status_code"]) == ("/status/{code}", status)


async def test_a_method_of_a_clients_own_names_no_span() -> None:
    """It may call it anything, and names are few."""
    spans: list[Span] = []
    with record_with(spans.append):
        await ask(answering, path="200", method="DANCE")
    assert [(one.name, one.attributes["http.request.method"]) for one in spans] == [("HTTP /status/{code}", "_OTHER")]
