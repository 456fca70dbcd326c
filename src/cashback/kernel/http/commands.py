"""What every command over REST says of itself, whoever's it is: done once for each idempotency key (I7)."""

from typing import Any, Final

from litestar import post
from litestar.datastructures import ResponseHeader
from litestar.openapi.spec import Operation

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


def marks(*, is_replay: bool, is_rebuilt: bool) -> dict[str, str]:
    """Return the headers of an answer that was given before, or made anew; none of one that is new."""
    return ({REPLAYED: "true"} if is_replay else {}) | ({REBUILT: "true"} if is_rebuilt else {})


def command_route(  # each named at the route, where it is read
    path: str,
    *,
    operation_id: str,
    summary: str,
    tag: str,
    meets: tuple[int, ...] = (403, 404, 409),
    body_bytes_max: int | None = None,
    operation_class: type[Operation] = Operation,
) -> post:
    """Return the decorator of a route that does something once for each idempotency key, at a POST to `path`.

    `meets` are the problems it answers beside those of every route and of every body; its body is bounded by
    `body_bytes_max`, and as all bodies are without it; `operation_class` tells of one that is no JSON.
    """
    bound: dict[str, Any] = {} if body_bytes_max is None else {"request_max_body_size": body_bytes_max}
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        response_headers=[REPLAY_HEADER, REBUILT_HEADER],
        responses=problems(*meets, 413, 415),
        operation_class=operation_class,
        **bound,
    )
