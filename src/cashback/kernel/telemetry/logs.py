"""Structured logs on standard error; each line names the trace of its work."""

import logging
import sys
from typing import Any, TypeAlias

from cashback.kernel.spared import spared
from cashback.kernel.telemetry.context import current_traceparent

with spared("rich"):  # it would draw tracebacks, and ours are plain
    import structlog

Logger: TypeAlias = Any
"""A structlog bound logger; its methods are made at run time."""


class _Told:
    """From which level on lines are told."""

    level: int = logging.INFO


def configure(*, process: str, level: str = "info") -> None:
    """Send structured logs of this process to standard error: lines for a person on a terminal, JSON elsewhere."""
    renderer: Any = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        # The pretty tracebacks print local variables, and among those are API keys.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    _Told.level = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_Told.level),
        logger_factory=_standard_error,
        cache_logger_on_first_use=False,
    )
    if logging.lastResort is not None:
        # By this alone do libraries that log in Python's own way reach standard error, from warnings on.
        logging.lastResort.setLevel(max(logging.WARNING, _Told.level))
    structlog.contextvars.bind_contextvars(process=process)


def logger(name: str) -> Logger:
    """Return the logger of one module; cheap, and safe before `configure`."""
    return structlog.get_logger(module=name)


def write_info(line: str) -> None:
    """Write a line that is whole already, where lines of the level info are told.

    For what is told of every request: it passes by the processors, and has to have its own time and trace.
    """
    if _Told.level <= logging.INFO:
        sys.stderr.write(f"{line}\n")


def _standard_error(*_: object) -> structlog.PrintLogger:
    """Return a logger that writes to what standard error is by now, which need not be what it was at the start."""
    return structlog.PrintLogger(sys.stderr)


def _with_trace(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Name the trace in each line: the id that a caller was told is the one to search for."""
    traceparent = current_traceparent()
    if traceparent is not None:
        event.setdefault("trace_id", traceparent.split("-")[1])
    return event
