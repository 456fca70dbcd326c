"""Logs, trace context and metrics: what a process tells about itself.

Log events are `noun.past_verb` constants with values as keys. The trace context (W3C `traceparent`) travels from the
HTTP request through outbox, NATS and gRPC to the chain attempt; here it is only carried and continued.
"""

import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import structlog

Logger: TypeAlias = Any
"""A structlog bound logger; its methods are made at run time."""

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def configure(*, process: str, level: str = "info") -> None:
    """Send structured logs of this process to standard error: lines for a person on a terminal, JSON elsewhere."""
    renderer: Any = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        # The pretty tracebacks print local variables, and among those are API keys.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_standard_error,
        cache_logger_on_first_use=False,
    )
    if logging.lastResort is not None:
        # By this alone do libraries that log in Python's own way reach standard error, from warnings on.
        logging.lastResort.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]))
    structlog.contextvars.bind_contextvars(process=process)


def logger(name: str) -> Logger:
    """Return the logger of one module; cheap, and safe before `configure`."""
    return structlog.get_logger(module=name)


def current_traceparent() -> str | None:
    """Return the trace context of the work in progress, or None outside any."""
    return _traceparent.get()


@contextmanager
def trace(traceparent: str | None) -> Iterator[str]:
    """Continue the given trace as a new span, or start a new trace when it is absent or malformed."""
    value = _child_of(traceparent)
    token = _traceparent.set(value)
    try:
        yield value
    finally:
        _traceparent.reset(token)


def _standard_error(*_: object) -> structlog.PrintLogger:
    """Return a logger that writes to what standard error is by now, which need not be what it was at the start."""
    return structlog.PrintLogger(sys.stderr)


def _with_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Name the trace in each line: the id that a caller was told is the one to search for."""
    traceparent = _traceparent.get()
    if traceparent is not None:
        event.setdefault("trace_id", traceparent.split("-")[1])
    return event


def _child_of(traceparent: str | None) -> str:
    """Return a traceparent with the same trace id and a new span id."""
    known = traceparent is not None and _TRACEPARENT.fullmatch(traceparent)
    trace_id = traceparent.split("-")[1] if traceparent is not None and known else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"
