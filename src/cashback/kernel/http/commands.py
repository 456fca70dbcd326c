"""What every command over REST says of itself, whoever's it is: done once for each idempotency key (I7)."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import Operation
from litestar.types import ASGIApp, Send

from cashback.kernel.http.problems import problems

REPLAYED: Final = "Idempotency-Replayed"
"""Set to `true` on an answer that was given before: nothing new happened."""

REBUILT: Final = "Idempotency-Rebuilt"
"""Set to `true` beside it when the answer of then is kept no longer, and this one was made of what stands now."""

REPLAY_HEADER: Final = ResponseHeader(
    name=REPLAYED, value="true", description="Present when this command was done before.", documentation_only=True
)
REBUILT_HEADER: Final = ResponseHeader(
    name=REBUILT,
    value="true",
    description="Present when it was done so long ago that the answer is made anew, of what stands now.",
    documentation_only=True,
)
LOCATION_HEADER: Final = ResponseHeader(
    name="Location", value="/v1/...", description="Where what was made is shown.", documentation_only=True
)
MAKES: Final = "makes"
"""Where a route notes under which path what it makes is shown, for whoever tells of routes."""


class _Made(msgspec.Struct, frozen=True):
    """What an answer tells of what was made, whatever that is."""

    id: str


_made: Final = msgspec.json.Decoder(_Made)


class Kept(Response[Any]):
    """An answer in the very bytes that are kept, or made of such: they are sent as they are.

    The framework minds cookies, encoders and media types on the way, and takes longer than reading and checking a body.
    """

    def to_asgi_response(self, *_: object, **__: object) -> ASGIApp:  # type: ignore[override]  # litestar calls it alone
        """Return what sends it."""
        body: bytes = self.content
        head: list[tuple[bytes, bytes]] = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()),
        ]

        async def send_all(_: Any, __: Any, send: Send) -> None:  # noqa: ANN401  # ASGI's own
            """Send it."""
            await send({"type": "http.response.start", "status": 201, "headers": head})
            await send({"type": "http.response.body", "body": body, "more_body": False})

        return send_all


def kept(document: bytes, *, is_replay: bool, is_rebuilt: bool) -> Response[Any]:
    """Return the response to a command that was done: marked when it was done before, or made anew."""
    marks = ({REPLAYED: "true"} if is_replay else {}) | ({REBUILT: "true"} if is_rebuilt else {})
    return Kept(document, headers=marks)


def command_route(  # each named at the route, where it is read
    path: str,
    *,
    operation_id: str,
    summary: str,
    tag: str,
    meets: tuple[int, ...] = (403, 404, 409),
    makes: str | None = None,
    body_bytes_max: int | None = None,
    operation_class: type[Operation] = Operation,
) -> post:
    """Return the decorator of a route that does something once for each idempotency key, at a POST to `path`.

    `meets` are the problems it answers beside those of every route and of every body. `makes` is the path that shows
    what it makes, which its answer calls `id`. Its body is bounded by `body_bytes_max`, and as all bodies are without
    it; `operation_class` tells of one that is no JSON.
    """
    more: dict[str, Any] = {} if body_bytes_max is None else {"request_max_body_size": body_bytes_max}
    headers = [REPLAY_HEADER, REBUILT_HEADER]
    if makes is not None:
        headers.append(LOCATION_HEADER)
        more |= {"after_request": _placing(makes), "opt": {MAKES: makes}}
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        response_headers=headers,
        responses=problems(*meets, 413, 415),
        operation_class=operation_class,
        **more,
    )


def _placing(path: str) -> Callable[[Response[Any]], Awaitable[Response[Any]]]:
    """Return what has an answer tell where that is which it made (RFC 9110, section 15.3.2), a repeat as well."""
    folder = path.partition("{")[0]

    async def place(response: Response[Any]) -> Response[Any]:
        response.headers["Location"] = folder + _made.decode(response.content).id
        return response

    return place
