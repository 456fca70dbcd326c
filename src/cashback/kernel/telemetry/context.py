"""The trace context of the work in progress, as W3C Trace Context writes it: `00-<trace>-<span>-<flags>`.

Ids of traces are told to everybody and guard nothing, so they come from the generator of this process, which a fork
seeds anew: asking the system twice for each request took as long as letting its key in.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED: Final = 1

current: Final[ContextVar[str | None]] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the trace context of the work in progress, or None outside any."""
    return current.get()


@contextmanager
def trace(traceparent: str | None) -> Iterator[str]:
    """Continue the given trace under a new span id, or start a new trace when it is absent or malformed.

    Nothing is told to a collector: a trace that begins here is therefore not sampled, and a given one stays what it is.
    """
    value = child_of(traceparent) if is_wellformed(traceparent) else new_context(new_trace_id(), is_sampled=False)
    token = current.set(value)
    try:
        yield value
    finally:
        current.reset(token)


def is_wellformed(traceparent: str | None) -> bool:
    """Tell whether a trace context can be continued."""
    return traceparent is not None and _TRACEPARENT.fullmatch(traceparent) is not None


def is_sampled(traceparent: str | None) -> bool:
    """Tell whether whoever handed a context on records its trace; nobody does what is absent or malformed."""
    return traceparent is not None and is_wellformed(traceparent) and bool(int(traceparent[-2:], 16) & _SAMPLED)


def trace_of(traceparent: str) -> str:
    """Return the trace id of a context that is well-formed."""
    return traceparent[3:35]


def span_of(traceparent: str) -> str:
    """Return the span id of a context that is well-formed."""
    return traceparent[36:52]


def child_of(traceparent: str | None) -> str:
    """Return a context with the trace id and the flag of a well-formed one, and a new span id."""
    given = traceparent or ""
    return new_context(trace_of(given), is_sampled=is_sampled(given))


def new_trace_id() -> str:
    """Return a trace id that no other trace has."""
    return f"{random.getrandbits(128) or 1:032x}"


def new_context(trace_id: str, *, is_sampled: bool) -> str:
    """Return a context of a new span in a trace."""
    span_id = random.getrandbits(64) or 1
    return f"00-{trace_id}-{span_id:016x}-{'01' if is_sampled else '00'}"
