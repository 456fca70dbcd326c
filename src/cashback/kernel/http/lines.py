"""A body of lines (newline-delimited JSON): read as it comes, and never held as a whole.

receive ──▶ pieces ──▶ lines (each bounded) ──▶ batches (bounded) ──▶ whoever is done with the one before

Nothing is received while a batch is worked on, so the server stops to read, and the client to send.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from cashback.kernel.errors import Rejected
from cashback.kernel.http.broken_bodies import ended_early
from cashback.kernel.http.media import UnsupportedMediaType, is_called
from cashback.kernel.lifecycle.bounds import LINES_MEDIA_TYPE

Line: TypeAlias = tuple[int, bytes]
"""A line with its number, from 1; of one that is too long as much as shows it."""

_BLANK: Final = b" \t\r"


class LineBounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much a body of lines may have, and how many of them are worked on together."""

    body_bytes_max: int
    line_bytes_max: int
    lines_max: int
    batch_max: int
    batch_bytes_max: int


class LineTooLarge(Rejected):
    """A line has more bytes than any sound one; the others may be sound."""

    code = "line_too_large"


@dataclass
class LinesOperation(Operation):
    """How the document tells of a route whose body is lines."""

    def __post_init__(self) -> None:
        """Say what the body is; the framework sees no struct for it."""
        told = "One JSON document a line, each of which ends with a line feed; blank lines count for nothing."
        lines = Schema(type=OpenAPIType.STRING, description=told)
        self.request_body = RequestBody(content={LINES_MEDIA_TYPE: OpenAPIMediaType(schema=lines)}, required=True)


async def batches_of_lines(request: Request[Any, Any, Any], bounds: LineBounds) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body in order, so many or so many bytes at a time, without the blank ones.

    Raises:
        RequestEntityTooLarge: it has more bytes or lines than allowed; whole batches were yielded.
        JsonMalformed: the caller went away before its end.
        RequestUnfinished: it did not go on in time.
    """
    batch: list[Line] = []
    number = size = 0
    async for line in _lines(request, bounds):
        number += 1
        if number > bounds.lines_max:
            raise RequestEntityTooLarge(f"the body has more than {bounds.lines_max} lines")
        if line.strip(_BLANK):
            batch.append((number, line))
            size += len(line)
        if len(batch) == bounds.batch_max or size >= bounds.batch_bytes_max:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _lines(request: Request[Any, Any, Any], bounds: LineBounds) -> AsyncIterator[bytes]:
    """Yield every line, without the line feed at its end; one that is too long ends a byte after its bound.

    Raises:
        RequestEntityTooLarge: the body has more bytes than allowed.
        JsonMalformed: the caller went away.
        RequestUnfinished: it did not go on.
    """
    size, rest, has_more = 0, b"", True
    while has_more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ended_early(request)
        size += len(message["body"])
        if size > bounds.body_bytes_max:
            raise RequestEntityTooLarge(f"the body is larger than {bounds.body_bytes_max >> 20} MiB")
        *lines, rest = (rest + message["body"]).split(b"\n")
        has_more = message.get("more_body", False)
        for line in lines if has_more or not rest else [*lines, rest]:
            yield line[: bounds.line_bytes_max + 1]
        rest = rest[: bounds.line_bytes_max + 1]


def whole_line(line: bytes, bounds: LineBounds) -> bytes:
    """Return a line that is no longer than it may be.

    Raises:
        LineTooLarge: it is.
    """
    if len(line) > bounds.line_bytes_max:
        raise LineTooLarge(f"the line is larger than {bounds.line_bytes_max >> 10} KiB")
    return line


def check_lines(request: Request[Any, Any, Any]) -> None:
    """Return when a request says that its body is plain lines.

    Raises:
        UnsupportedMediaType: it does not, or says nothing: only lines are waited for as long as they come.
    """
    media_type, encoding = request.headers.get("content-type", ""), request.headers.get("content-encoding", "")
    if not is_called(media_type, LINES_MEDIA_TYPE):
        raise UnsupportedMediaType(f"the body must be {LINES_MEDIA_TYPE}")
    if encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType("the body must not be compressed")
