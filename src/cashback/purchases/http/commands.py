"""What every command over REST shares: its owner, and the way its outcome becomes an answer."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import ResponseHeader

from cashback.kernel.errors import NotFound
from cashback.kernel.http import Principal, Scope, principal_of, problems, require_operator
from cashback.kernel.ids import is_id
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.model import OPERATOR, FieldInvalid, Order, Outcome, Refused

REPLAYED: Final = "Idempotency-Replayed"
"""Set to `true` on an answer that was given before: nothing new happened."""

REPLAY_HEADER: Final = ResponseHeader(
    name=REPLAYED, value="true", description="Present when this very answer was given before.", documentation_only=True
)


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is ordered, for whoever reads the records."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class OrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who orders something, and why; both are kept."""

    person: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Who decides this.")]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, description="Why; it is kept.")]


def command_route(  # each named at the route, where it is read
    path: str,
    *,
    operation_id: str,
    summary: str,
    tag: str,
    meets: tuple[int, ...] = (403, 404, 409),
    body_bytes_max: int | None = None,
) -> post:
    """Return the decorator of a route that does something once for each idempotency key, at a POST to `path`.

    `meets` are the problems it answers beside those of every route and of every body; its body is bounded by
    `body_bytes_max`, and as all bodies are without it.
    """
    bound: dict[str, Any] = {} if body_bytes_max is None else {"request_max_body_size": body_bytes_max}
    return post(
        path,
        operation_id=operation_id,
        summary=summary,
        tags=[tag],
        response_headers=[REPLAY_HEADER],
        responses=problems(*meets, 413, 415),
        **bound,
    )


def ordered_by(request: Request[Any, Any, Any], key: str) -> Order:
    """Return an order of the operator who calls, still without what it is about.

    Raises:
        OperatorOnly: a merchant calls.
    """
    principal = principal_of(request)
    require_operator(principal)
    return Order(owner=owner_of(principal), key=key, traceparent=current_traceparent())


def signed_by(request: Request[Any, Any, Any], key: str, body: OrderBody) -> dict[str, Any]:
    """Return the members that every command has which an operator gives in a person's name.

    Raises:
        OperatorOnly: a merchant calls.
    """
    order = ordered_by(request, key)
    return {
        "owner": order.owner,
        "key": order.key,
        "traceparent": order.traceparent,
        "person": body.person,
        "reason": body.reason,
    }


def owner_of(principal: Principal) -> str:
    """Return whose idempotency keys these are; a merchant's keys outlive the rotation of its API key."""
    return principal.merchant_id if principal.merchant_id is not None else OPERATOR


def merchant_of(request: Request[Any, Any, Any], given: str | None) -> str:
    """Return the merchant a purchase is for: the caller itself, or the one an operator names.

    Raises:
        FieldInvalid: an operator named none.
    """
    principal = principal_of(request)
    if given is not None:
        return given
    if principal.scope is Scope.MERCHANT and principal.merchant_id is not None:
        return principal.merchant_id
    raise FieldInvalid("an operator says which merchant the purchase is for", pointer="/merchant_id")


def in_path(text: str, *, prefix: str, parameter: str, unknown: type[NotFound]) -> str:
    """Return an id of the path that has an id's form; nothing else can exist.

    Raises:
        NotFound: of the kind `unknown`.
    """
    if not is_id(text, prefix):
        raise unknown("there is nothing under this id", parameter=parameter)
    return text


def answer(outcome: Outcome) -> Response[Any]:
    """Return the response to a command: its stored document, marked when it is a replay.

    Raises:
        Rejected: the command was refused; nothing of it is stored.
    """
    if isinstance(outcome, Refused):
        raise outcome.error
    headers = {REPLAYED: "true"} if outcome.is_replay else {}
    return Response(outcome.answer, status_code=201, media_type="application/json", headers=headers)
