"""The access log: a line for every answer, of ids and figures alone.

It never has what a caller wrote: no query, no body, no header, no address. Of the path it has the route, and those
parts that have the form of an id of ours. The line is encoded at once, past the processors that other lines go
through: these cost three times as much.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias

import msgspec

from cashback.kernel.clock import Clock, SystemClock
from cashback.kernel.http.visit import Visit
from cashback.kernel.ids import is_id
from cashback.kernel.principal import Principal

Write: TypeAlias = Callable[[str], object]
"""Takes one line, without its end."""


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is told of one answer; what is not known is left out.

    `code` is that of a problem, `bytes_in` what the request said of its body's length, `ms` ends with the answer's last
    byte handed over.
    """

    event: str
    level: str
    process: str
    timestamp: datetime
    trace_id: str
    method: str
    route: str
    status: int
    ms: float
    bytes_out: int
    bytes_in: int | None = None
    path: dict[str, str] | None = None
    code: str | None = None
    key_id: str | None = None
    merchant_id: str | None = None


class _Coded(msgspec.Struct, frozen=True):
    """A problem, as far as the log tells of it."""

    code: str


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(type=_Coded)


class AccessLog:
    """Writes a line for each answer."""

    def __init__(self, write: Write, *, process: str, clock: Clock | None = None) -> None:
        """Hand lines of this process to `write`."""
        self._write = write
        self._process = process
        self._clock = clock or SystemClock()

    def tell(self, scope: Any, visit: Visit, *, method: str, route: str, trace_id: str, took_s: float) -> None:  # noqa: ANN401  # ASGI's own dict
        """Write the line of an answer that has been given."""
        principal: Principal | None = scope.get("user")
        line = Line(
            event="request.answered",
            level="info",
            process=self._process,
            timestamp=self._clock.now(),
            trace_id=trace_id,
            method=method,
            route=route,
            status=visit.status or HTTPStatus.INTERNAL_SERVER_ERROR,
            ms=round(took_s * 1000, 3),
            bytes_out=visit.bytes_out,
            bytes_in=_length_of(scope),
            path=_ids_of(scope.get("path_params") or {}),
            code=visit.code,
            key_id=None if principal is None else principal.key_id,
            merchant_id=None if principal is None else principal.merchant_id,
        )
        self._write(_encoder.encode(line).decode())


def code_of(body: bytes) -> str | None:
    """Return the code of a problem document, None when it is none."""
    try:
        return _decoder.decode(body).code
    except msgspec.DecodeError:
        return None


def _length_of(scope: Any) -> int | None:  # noqa: ANN401  # as above
    """Return how long a request says that its body is; one in chunks does not say it."""
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() else None


def _ids_of(parts: Mapping[str, object]) -> dict[str, str] | None:
    """Return those parts of a path that have the form of an id; anything else may be what a caller wrote."""
    found = {
        name: part for name, part in parts.items() if isinstance(part, str) and is_id(part, part.partition("_")[0])
    }
    return found or None
