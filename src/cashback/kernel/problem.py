"""A problem document (RFC 9457): the one shape in which any of our HTTP edges says no."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from cashback.kernel.mistakes import MISTAKES_MAX, Mistake
from cashback.kernel.telemetry import current_traceparent

MEDIA_TYPE: Final = "application/problem+json"
PAGES: Final = "/docs/problems/"
"""Below it the API has a page about each code, and so `type` leads there from whatever address it was asked at."""

_ACRONYMS: Final = frozenset({"api", "http", "json", "url"})
_encoder: Final = msgspec.json.Encoder(enc_hook=str)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document: `code` is for programs and never changes, `detail` is for people, `type` is a page about it.

    `pointer` is a JSON pointer (RFC 6901) into the request's body; `parameter` names a header, a part of the path or of
    the query. Where several things are wrong, `errors` are all of them, the first one included, and no more than 20.
    Further members belong to the code.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str
    pointer: str | None = None
    parameter: str | None = None
    errors: Annotated[list[Mistake], msgspec.Meta(max_length=MISTAKES_MAX)] = []


def problem_document(status: int, code: str, detail: str, *, fields: Mapping[str, object] | None = None) -> bytes:
    """Return the document of one problem as JSON, in the trace of the work in progress; `fields` become members.

    The title is that of the code and not of the status, whose phrases change from one RFC to the next.
    """
    members: dict[str, Any] = {
        "type": f"{PAGES}{code}",
        "title": title_of(code),
        "status": status,
        "code": code,
        "detail": detail,
        "trace_id": _trace_id(),
    }
    return _encoder.encode(members | {name: value for name, value in (fields or {}).items() if name not in members})


def title_of(code: str) -> str:
    """Return a code in words.

    >>> title_of("json_malformed")
    'JSON malformed'
    """
    first, *others = (word.upper() if word in _ACRONYMS else word for word in code.split("_"))
    return " ".join([first[:1].upper() + first[1:], *others])


def _trace_id() -> str:
    """Return the id of the trace that this happens in; zeros, which stand for none, outside any."""
    traceparent = current_traceparent()
    return "0" * 32 if traceparent is None else traceparent.split("-")[1]
