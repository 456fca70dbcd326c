"""Parameters that routes share, and the refusal of those that no route knows or that nothing can stand for."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cache
from http import HTTPMethod
from itertools import islice
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from litestar.exceptions import NotFoundException
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ASGIApp, Receive, Send

from cashback.kernel import instants
from cashback.kernel.errors import Invalid
from cashback.kernel.http.contents import NUL
from cashback.kernel.mistakes import MISTAKES_MAX, gathered
from cashback.kernel.page import CURSOR_LENGTH_MAX, PAGE_MAX
from cashback.kernel.principal import Principal

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_ONCE: Final = ((b"idempotency-key", IDEMPOTENCY_KEY), (b"if-match", "If-Match"))
"""Headers of which one would silently win over the other."""

_NAME_MAX: Final = 100
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]*")
"""A whole number; the framework takes `5.0` and `1e1` for one as well, and `1_0` in a path."""

_BLANK_FOR_PLUS: Final = re.compile(r"[0-9]:[0-9]{2}(?:\.[0-9]{1,9})? [0-9]{2}:?[0-9]{2}\Z")
_WRITE_PLUS: Final = "; in a query its + is written %2B, and stands for a blank otherwise"
"""What an instant looks like whose offset is east of Greenwich and was not encoded, and what is said of it."""

_SLASH: Final = b"%2f"
_NO_ID: Final = "\ufffd"
"""What bytes that are no text become in a path: no id has it."""

IdempotencyKey: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=IDEMPOTENCY_KEY,
        description=(
            "Names this command, in 1 to 255 printable ASCII characters: the same key and body have one effect, for"
            " ever, and for 30 days give the same answer."
        ),
        # For the document only: what breaks it has a code of its own.
        schema_extra={"min_length": 1, "max_length": 255},
    ),
]

Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="How many items a page may have.")]
Cursor: TypeAlias = Annotated[
    str | None,
    QueryParameter(max_length=CURSOR_LENGTH_MAX, description="The `next_cursor` of the page before this one."),
]

Reference: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ParameterInvalid(Invalid):
    """A parameter is missing, named twice, unknown to its route, no text, no number or an instant out of range.

    `parameter` names it, or the first of several.
    """

    code = "request_invalid"


class _Known(msgspec.Struct, frozen=True):
    """What there is to know of a query parameter before its form."""

    is_instant: bool
    is_number: bool
    is_required: bool


class KnownParameters:
    """ASGI middleware inside the router that refuses what its route would not read: a typo is no wish.

    So are two idempotency keys, or two tags of what is edited: one of them would silently win. And before any of it,
    whoever may not ask for what the route does, whatever else is wrong (RFC 9110, section 13.2.1): the router alone
    knows which operation that is, and an operation is the operator's until it is said to be merchants' as well.

    An encoded slash in a name finds nothing: to the router it parts the path, and what was meant as a name would choose
    another route. Nor does a number in any other form than ours: it is written in one way.
    """

    def __init__(self, app: ASGIApp, *, scopes: Mapping[str, str], merchants: Collection[str]) -> None:
        """Guard `app`; `scopes` is what a key must have been made for, by operation, `merchants` what these may ask."""
        self._app = app
        self._scopes = scopes
        self._merchants = merchants

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: ANN401  # ASGI's own dict
        """Pass the request on.

        Raises:
            NotFoundException: no path is written so.
            OperatorOnly: the caller is a merchant, and this is none of its operations.
            ScopeMissing: the caller's key was not made for this.
            ParameterInvalid: it is not to be passed on.
        """
        # What is open to everyone (health) is asked by others' programs, which say more than we know.
        if "user" in scope:
            if _SLASH in scope.get("raw_path", b"").lower() or not _is_each_as_written(scope):
                raise NotFoundException
            # Which methods a path takes stands in the document, which everybody may read.
            if scope["method"] != HTTPMethod.OPTIONS:
                self._let_in(scope["user"], scope["route_handler"].operation_id)
            known = _known(scope["route_handler"])
            problems: list[ParameterInvalid] = []
            if known or scope["query_string"]:
                problems += islice(_problems(scope["query_string"], known), MISTAKES_MAX)
            named = [name for name, _ in scope["headers"]]
            for header, told in _ONCE:
                if named.count(header) > 1:
                    problems.append(ParameterInvalid("name the header once", parameter=told))
            if problems:
                raise gathered(problems)
            scope["path_params"] = {name: _storable(value) for name, value in scope["path_params"].items()}
        await self._app(scope, receive, send)

    def _let_in(self, caller: Principal, operation: str) -> None:
        """Return when a caller may ask for an operation.

        Raises:
            OperatorOnly: it is the operator's alone.
            ScopeMissing: the caller's key was not made for it.
        """
        if operation not in self._merchants:
            caller.require_operator()
        if caller.scopes is not None:
            caller.require(self._scopes[operation])


def _is_each_as_written(scope: Any) -> bool:  # noqa: ANN401  # ASGI's own dict
    """Tell whether each number of a path stands there as we write it."""
    numbers = [value for value in scope["path_params"].values() if isinstance(value, int)]
    return not numbers or {str(number) for number in numbers} <= {*scope["path"].split("/")}


def _storable(value: Any) -> Any:  # noqa: ANN401  # a number, or a text
    """Return what a path names, as something that can be looked for: there is nothing under what cannot be stored."""
    return value.replace(NUL, _NO_ID) if isinstance(value, str) else value


def _problems(query: bytes, known: Mapping[str, _Known]) -> Iterator[ParameterInvalid]:
    """Yield what is wrong with a query: parameters that nobody knows or can ask for, or that are missing.

    Of one parameter no more is told than the first thing.
    """
    named: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        named.setdefault(name, []).append(value)
    wrong = [(name, _wrong(values, known.get(name))) for name, values in named.items()]
    missing = [name for name, parameter in known.items() if parameter.is_required and name not in named]
    wrong += [(name, f"the parameter {name} is required") for name in missing]
    for name, what in wrong:
        if what is not None:
            yield ParameterInvalid(what, parameter=name[:_NAME_MAX])


def _wrong(values: list[str], parameter: _Known | None) -> str | None:
    """Return what is wrong with the values of a parameter, None with sound ones; those of an unknown one are none."""
    if parameter is None:
        return "this route knows no such parameter"
    if len(values) > 1:
        return "name the parameter once"
    if not values[0].isprintable():
        return "a parameter is of printable characters"
    if parameter.is_instant and not _is_instant(values[0]):
        return instants.WANTED + (_WRITE_PLUS if _BLANK_FOR_PLUS.search(values[0]) else "")
    if parameter.is_number and not _NUMBER.fullmatch(values[0]):
        return "a whole number is written in digits alone, without zeros before them"
    return None


def _is_instant(value: str) -> bool:
    """Tell whether a parameter is an instant that can be asked for; the framework takes numbers and knows no range."""
    try:
        instant = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return False
    # One without its offset is refused in the words of its route.
    return instant.tzinfo is None or instants.is_in_range(instant)


def told_name(route_handler: Any, field: str) -> str:  # noqa: ANN401  # litestar's, with three type variables
    """Return what callers know one of a route's parameters by; the framework tells of it by the function's own name."""
    parameter = route_handler.parsed_fn_signature.parameters.get(field)
    name = None if parameter is None else getattr(parameter.kwarg_definition, "name", None)
    return name or field


@cache
def _known(route_handler: Any) -> Mapping[str, _Known]:  # noqa: ANN401  # litestar's, with three type variables
    """Return the query parameters of one route; there are as many routes as there are."""
    fields = route_handler.parsed_fn_signature.parameters.values()
    return {
        field.kwarg_definition.name or field.name: _Known(
            is_instant=datetime in (field.annotation, *field.args),
            is_number=int in (field.annotation, *field.args),
            is_required=field.is_required,
        )
        for field in fields
        if isinstance(field.kwarg_definition, QueryParameter)
    }
