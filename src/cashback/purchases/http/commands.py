"""What every command over REST shares: its owner, and the way its outcome becomes an answer."""

from typing import Annotated, Any, TypedDict

import msgspec
from litestar import Request, Response

from cashback.kernel.errors import NotFound
from cashback.kernel.http import Principal, Scope, principal_of
from cashback.kernel.http.commands import command_route, kept
from cashback.kernel.ids import is_id
from cashback.kernel.telemetry import current_traceparent
from cashback.purchases.model import OPERATOR, FieldInvalid, MerchantUnknown, Order, Outcome, Refused, UserUnknown

__all__ = [
    "Asked",
    "OrderBody",
    "ReasonBody",
    "Said",
    "answer",
    "asked_by",
    "command_route",
    "in_path",
    "merchant_in_path",
    "merchant_of",
    "ordered_by",
    "owner_of",
    "signed_by",
    "user_in_path",
]


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why something is ordered, for whoever reads the records."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class OrderBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who orders something, and why; both are kept."""

    person: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="Who decides this.")]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500, description="Why; it is kept.")]


class Asked(TypedDict):
    """What stands around every command over REST, for `**`: it is no part of what is asked."""

    owner: str
    key: str
    key_id: str
    traceparent: str | None


class Said(Asked):
    """The same of a command in a person's name."""

    person: str
    reason: str


def asked_by(request: Request[Any, Any, Any], key: str) -> Asked:
    """Return whose idempotency key this is, with which API key it came, and in which trace."""
    principal = principal_of(request)
    return Asked(owner=owner_of(principal), key=key, key_id=principal.key_id, traceparent=current_traceparent())


def ordered_by(request: Request[Any, Any, Any], key: str) -> Order:
    """Return an order of the operator, who alone may call, still without what it is about."""
    return Order(**asked_by(request, key))


def signed_by(request: Request[Any, Any, Any], key: str, body: OrderBody) -> Said:
    """Return the members that every command has which an operator gives in a person's name."""
    return Said(**asked_by(request, key), person=body.person, reason=body.reason)


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


def user_in_path(user_id: str) -> str:
    """Return the id of the user whom the path names.

    Raises:
        UserUnknown: it is none that a user could have.
    """
    return in_path(user_id, prefix="usr", parameter="user_id", unknown=UserUnknown)


def merchant_in_path(merchant_id: str) -> str:
    """Return the id of the merchant whom the path names.

    Raises:
        MerchantUnknown: it is none that a merchant could have.
    """
    return in_path(merchant_id, prefix="mer", parameter="merchant_id", unknown=MerchantUnknown)


def answer(outcome: Outcome) -> Response[Any]:
    """Return the response to a command: its stored document, marked when it is a replay.

    Raises:
        Rejected: the command was refused; nothing of it is stored.
    """
    if isinstance(outcome, Refused):
        raise outcome.error
    return kept(outcome.answer, is_replay=outcome.is_replay, is_rebuilt=outcome.is_rebuilt)
