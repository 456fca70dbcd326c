"""What every command over REST shares: its idempotency key, its owner, and the way its outcome becomes an answer."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.datastructures import ResponseHeader
from litestar.params import Parameter

from cashback.kernel.http import Principal, Scope, principal_of
from cashback.purchases.model import OPERATOR, FieldInvalid, Outcome, Refused

REPLAYED: Final = "Idempotency-Replayed"
"""Set to `true` on an answer that was given before: nothing new happened."""

REPLAY_HEADER: Final = ResponseHeader(
    name=REPLAYED, description="`true` when this very answer was given before.", documentation_only=True, required=False
)

IdempotencyKey = Annotated[
    str | None,
    Parameter(
        header="Idempotency-Key",
        required=False,
        description="Required. Names this command: the same key and body give the same answer and one effect.",
    ),
]

Digits = Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,18})$", description="An integer as a decimal string.")]
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class IdempotencyKeyMissing(FieldInvalid):
    """A command came without its idempotency key."""

    code = "idempotency_key_missing"


def key_of(given: str | None) -> str:
    """Return the idempotency key of a command.

    Raises:
        IdempotencyKeyMissing: there is none.
    """
    if given is None:
        raise IdempotencyKeyMissing("send an Idempotency-Key header that names this command", pointer="Idempotency-Key")
    return given


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


def answer(outcome: Outcome) -> Response[Any]:
    """Return the response to a command: its stored document, marked when it is a replay.

    Raises:
        Rejected: the command was refused; nothing of it is stored.
    """
    if isinstance(outcome, Refused):
        raise outcome.error
    headers = {REPLAYED: "true"} if outcome.is_replay else {}
    return Response(outcome.answer, status_code=201, media_type="application/json", headers=headers)
