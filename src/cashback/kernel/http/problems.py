"""Every error as a problem document (RFC 9457) with a stable `code`; the one table from kind of failure to status.

| failure                         | status | code                                   |
|---------------------------------|--------|----------------------------------------|
| `Invalid`                       | 422    | its own                                |
| `NotFound`                      | 404    | its own                                |
| `Conflict`                      | 409    | its own                                |
| `Forbidden`                     | 403    | its own                                |
| `Unavailable`                   | 503    | its own, with Retry-After              |
| `Broken`, anything unforeseen   | 500    | `internal`; the cause is only logged   |
| body is no JSON                 | 400    | `json_malformed`                       |
| body or parameter of wrong form | 422    | `request_invalid`, `pointer` where known |
| the framework's own             | as is  | `http_<status>`                        |
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, SerializationException, ValidationException

from cashback.kernel.errors import Broken, CashbackError, Conflict, Forbidden, Invalid, NotFound, Rejected, Unavailable
from cashback.kernel.telemetry import current_traceparent, logger

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1

_STATUS: Final[tuple[tuple[type[CashbackError], int], ...]] = (
    (Invalid, 422),
    (NotFound, 404),
    (Conflict, 409),
    (Forbidden, 403),
    (Rejected, 400),
    (Unavailable, 503),
    (Broken, 500),
    (CashbackError, 500),
)
_PLACE: Final = re.compile(r" - at `(?P<place>[^`]+)`")
log = logger(__name__)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document: `code` is for programs and never changes, `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str | None = None
    pointer: str | None = None


def problem(
    status: int, code: str, detail: str, *, pointer: str | None = None, fields: Mapping[str, object] | None = None
) -> Response[bytes]:
    """Return the response of one problem; `fields` become extension members."""
    traceparent = current_traceparent()
    document: dict[str, Any] = {
        "type": f"urn:cashback:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    document |= {name: value for name, value in (fields or {}).items() if name not in document}
    if pointer is not None:
        document["pointer"] = pointer
    if traceparent is not None:
        document["trace_id"] = traceparent.split("-")[1]
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers=headers)


def status_of(error: CashbackError) -> int:
    """Return the HTTP status of one of our failures."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def _ours(_: Request[Any, Any, Any], error: CashbackError) -> Response[bytes]:
    """Answer one of our own failures; what is broken inside is logged, not told."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request.broke", code=error.code, exc_info=error)
        return problem(500, "internal", "something is broken on our side; the operator has been told")
    return problem(status, error.code, error.detail, fields=error.fields)


def _validation(_: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """Answer a body or parameter that does not have the documented form."""
    found = error.extra[0] if isinstance(error.extra, list) and error.extra else None
    if isinstance(found, dict):
        message, key = str(found.get("message", "")), str(found.get("key", ""))
        return problem(422, "request_invalid", message or error.detail, pointer="/" + key.replace(".", "/"))
    return problem(422, "request_invalid", error.detail)


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer the framework's own errors: no such path, wrong method, body too large, malformed JSON."""
    if isinstance(error.__cause__, SerializationException) or isinstance(error, SerializationException):
        return problem(400, "json_malformed", "the body is not well-formed JSON")
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unforeseen(request, error)
    response = problem(error.status_code, f"http_{error.status_code}", error.detail)
    response.headers.update(error.headers or {})
    return response


def _unforeseen(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer what nobody foresaw; the traceback goes to the log only."""
    log.error("request.broke", code="internal", exc_info=error)
    return problem(500, "internal", "something is broken on our side; the operator has been told")


EXCEPTION_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    CashbackError: _ours,
    ValidationException: _validation,
    HTTPException: _framework,
    Exception: _unforeseen,
}
