"""Every error as a problem document (RFC 9457) with a stable `code`; the one table from kind of failure to status.

| failure                         | status | code                                                      |
|---------------------------------|--------|-----------------------------------------------------------|
| `Invalid`                       | 422    | its own                                                   |
| `NotFound`                      | 404    | its own                                                   |
| `Conflict`                      | 409    | its own; a `Busy` with Retry-After                        |
| an `Outdated` one               | 412    | its own                                                   |
| `Forbidden`                     | 403    | its own                                                   |
| `Limited`                       | 429    | its own, with Retry-After                                 |
| any other `Rejected`            | 400    | its own                                                   |
| `Unavailable`                   | 503    | its own, with Retry-After                                 |
| `Broken`, anything unforeseen   | 500    | `internal`; the cause is only logged                      |
| parameters of the wrong form    | 422    | `request_invalid`, `parameter` names it, `errors` all     |
| no idempotency key              | 422    | `idempotency_key_missing`                                 |
| no tag of what is edited        | 428    | `precondition_required`                                   |
| the framework's own             | as is  | `route_unknown`, `method_not_allowed`, `body_too_large`,  |
|                                 |        | `media_type_unsupported`, else `http_<status>`            |
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import ResponseSpec
from litestar.types import Send

from cashback.kernel.errors import (
    Broken,
    Busy,
    CashbackError,
    Conflict,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    Outdated,
    Rejected,
    Unavailable,
)
from cashback.kernel.http.faults import in_words
from cashback.kernel.http.head import allowed
from cashback.kernel.http.parameters import ParameterInvalid, told_name
from cashback.kernel.mistakes import gathered, placed_in
from cashback.kernel.principal import ScopeMissing
from cashback.kernel.problem import MEDIA_TYPE, Problem, problem_document
from cashback.kernel.telemetry import logger

RETRY_AFTER_S: Final = 1
PART_MISTAKES_MAX: Final = 5
"""So many are told of each part of a request: there may be a thousand parts."""

_STATUS: Final[tuple[tuple[type[CashbackError], int], ...]] = (
    (Invalid, 422),
    (NotFound, 404),
    (Outdated, 412),
    (Conflict, 409),
    (Forbidden, 403),
    (Limited, 429),
    (Rejected, 400),
    (Unavailable, 503),
    (Broken, 500),
    (CashbackError, 500),
)
_FRAMEWORK: Final = {
    400: "http_malformed",
    404: "route_unknown",
    405: "method_not_allowed",
    408: "request_unfinished",
    413: "body_too_large",
    415: "media_type_unsupported",
}
_DETAILS: Final = {
    # All that the router refuses so; a body is read, and refused, by us.
    400: "the `Host` header names no host",
    404: "there is no such path; those that there are stand in `/docs` and in `/openapi/openapi.json`",
    405: "this path takes other methods, which Allow names",
}
_MISSING: Final = {
    "idempotency-key": (422, "idempotency_key_missing", "the header Idempotency-Key is required"),
    # RFC 6585, section 3: an answer of 428 explains how the request succeeds.
    "if-match": (
        428,
        "precondition_required",
        "the header If-Match is required: read what is to be edited, and send the `ETag` that it was told with",
    ),
}
"""The headers that a route may require, and what is told without them; all else that one requires is a parameter."""
_MEANING: Final = {
    400: "The body is not well-formed JSON, or the request not well-formed HTTP.",
    401: "No valid API key was presented.",
    403: "The caller is known and may not do this, or its key was not made for it.",
    404: "Something that is named does not exist, or the caller may not know of it.",
    409: (
        "This contradicts what is stored; or the first request under this idempotency key is still being answered, and"
        " the same request will do after `Retry-After` seconds."
    ),
    412: "Somebody has changed this since the caller has seen it; read it again.",
    413: "The body is larger than any sound one.",
    415: "The body says that it is something else than plain JSON.",
    422: "The request breaks a stated rule; `pointer` or `parameter` names the place.",
    428: "This is edited only by whoever names what they have seen; read it, and send its `ETag` as `If-Match`.",
    429: "This API key asks more often than it may; the same request will do after `Retry-After` seconds.",
    500: "Something is broken on our side.",
    503: "The world failed; the same request may work after `Retry-After` seconds.",
}
_COMMON: Final = (400, 401, 403, 422, 429, 500, 503)
_INSUFFICIENT: Final = 'Bearer realm="cashback", error="insufficient_scope"'
log = logger(__name__)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return how a route documents its problems: those that every route has, and the given ones."""
    return {
        status: ResponseSpec(Problem, generate_examples=False, description=_MEANING[status], media_type=MEDIA_TYPE)
        for status in sorted({*_COMMON, *statuses})
    }


def problem(status: int, code: str, detail: str, *, fields: Mapping[str, object] | None = None) -> Response[bytes]:
    """Return the response of one problem; `fields` become members of its document."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    document = problem_document(status, code, detail, fields=fields)
    return Response(document, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: Exception) -> Response[bytes]:
    """Return the response to any failure; what is broken inside is logged, not told."""
    match error:
        case CashbackError() if (status := _status_of(error)) != HTTPStatus.INTERNAL_SERVER_ERROR:
            response = problem(status, error.code, error.detail, fields=error.fields)
            if isinstance(error, Busy):
                response.headers["Retry-After"] = str(RETRY_AFTER_S)
            if isinstance(error, Limited):
                response.headers["Retry-After"] = str(error.fields.get("retry_after_s", RETRY_AFTER_S))
            if isinstance(error, ScopeMissing):
                # RFC 6750, section 3.1.
                response.headers["WWW-Authenticate"] = f'{_INSUFFICIENT}, scope="{error.fields["scope"]}"'
            return response
        case ValidationException():
            return _validation(error)
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return _framework(error)
    log.error("request.broke", code=error.code if isinstance(error, CashbackError) else "internal", exc_info=error)
    return problem(500, "internal", "something is broken on our side; the operator has been told")


def part_of_answer(error: Rejected, *, within: str) -> tuple[int, bytes]:
    """Return status and document of what was refused of a request while other parts of it were done.

    Its places are told as those in the whole request, of which it is `within` that part.
    """
    status = _status_of(error)
    fields = placed_in(error.fields, within, most=PART_MISTAKES_MAX)
    return status, problem_document(status, error.code, error.detail, fields=fields)


async def send_problem(send: Send, answer: Response[bytes], *, has_body: bool = True) -> None:
    """Send a response from outside any route; without its body to those who asked for the head alone."""
    content = bytes(answer.content)
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    headers += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    start: Any = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": content if has_body else b"", "more_body": False})


def _status_of(error: CashbackError) -> int:
    """Return the HTTP status of one of our failures."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def _validation(error: ValidationException) -> Response[bytes]:
    """Answer a parameter that is missing or does not have the documented form; bodies fail in `kernel.http.body`."""
    if asked := _lacked(error):
        if asked in _MISSING:
            return _missing(asked)
        return problem(422, "request_invalid", f"the parameter {asked} is required", fields={"parameter": asked})
    extra = error.extra if isinstance(error.extra, list) else []
    found = [one for one in extra if isinstance(one, dict) and "key" in one]
    if not found:
        return problem(422, "request_invalid", error.detail)
    wrong = [(str(one["key"]), str(one["message"])) for one in found]
    told = gathered([ParameterInvalid(in_words(what, called=name), parameter=name) for name, what in wrong])
    return problem(422, told.code, told.detail, fields=told.fields)


def _lacked(error: Exception) -> str | None:
    """Return the header or parameter that a request lacks, by the framework's name for it, if that is what is wrong."""
    cause = error.__cause__ if isinstance(error, ValidationException) else None
    return str(cause.args[0]) if isinstance(cause, KeyError) else None


def _missing(header: str) -> Response[bytes]:
    """Answer that a header which a route requires is not there."""
    return problem(*_MISSING[header], fields={"parameter": header.title()})


def _framework(error: HTTPException) -> Response[bytes]:
    """Answer the framework's own errors: no such path, wrong method, body too large."""
    code = _FRAMEWORK.get(error.status_code, f"http_{error.status_code}")
    response = problem(error.status_code, code, _DETAILS.get(error.status_code, error.detail))
    response.headers.update({name: _header(name, value) for name, value in (error.headers or {}).items()})
    return response


def _header(name: str, value: str) -> str:
    """Return the value of one of the framework's own headers."""
    return allowed(value) if name.lower() == "allow" else value


def _answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a failure inside a route.

    Of two headers that are missing the framework names either, by the process: then it is the idempotency key, which
    every route requires that requires `If-Match`.
    """
    if _lacked(error) == "if-match" and "idempotency-key" not in request.headers:
        return _missing("idempotency-key")
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        for found in error.extra:
            if isinstance(found, dict) and "key" in found:
                found["key"] = told_name(request.route_handler, str(found["key"]))
    return problem_of(error)


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    CashbackError: _answer,
    HTTPException: _answer,
    Exception: _answer,
}
