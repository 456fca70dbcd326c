"""Spans: what was done, when, in which trace, and what it came from. Without a collector only ids are made.

    a request              span(...)     one span, parent of what happens inside it
    some of many traces    each(...)     for each that is sampled a span of its own, child of what it came from
    a batch of these       batch(...)    the same, and one span for the whole: linked with each, no one's parent

A batch belongs to many traces and can be in none of them: were it the parent, all but one would be torn.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, Token
from enum import IntEnum
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from cashback.kernel.telemetry.context import (
    child_of,
    current,
    is_sampled,
    is_wellformed,
    new_context,
    new_trace_id,
    span_of,
    trace_of,
)

LINKS_MAX: Final = 128
"""Of one span, as the specification has it; a batch may be about more, which its count tells."""

_RANDOM_BITS: Final = 56

Value: TypeAlias = str | int | bool
Attributes: TypeAlias = Mapping[str, Value]
Sink: TypeAlias = "Callable[[Span], None]"


class Kind(IntEnum):
    """What a span is to its neighbours, by OTLP's numbers."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Moment(NamedTuple):
    """When something began, by the wall clock and by one that does not jump."""

    wall_ns: int
    monotonic_ns: int

    @classmethod
    def now(cls) -> "Moment":
        """Return this moment."""
        return cls(time.time_ns(), time.monotonic_ns())


class _Recorder:
    """Where spans go in this process, and which share of the traces that begin here is recorded."""

    sink: "Sink | None" = None
    ratio: float = 1.0


_recorder: Final = _Recorder()
_heirs: Final[ContextVar[Mapping[str, str]]] = ContextVar("heirs", default={})  # noqa: B039 - read only
_CURRENT: Final = "current"


@contextmanager
def record_with(sink: Sink, *, ratio: float = 1.0) -> Iterator[None]:
    """Hand every span that ends inside to `sink`, of traces that begin here for this share of them (0 to 1)."""
    before = _recorder.sink, _recorder.ratio
    _recorder.sink, _recorder.ratio = sink, ratio
    try:
        yield
    finally:
        _recorder.sink, _recorder.ratio = before


def is_tracing() -> bool:
    """Tell whether this process tells anybody about its spans."""
    return _recorder.sink is not None


class Span:
    """One piece of work, as a context manager: inside it is the current context, and it ends with the block.

    `name`, `attributes` and `error` may be changed until then; when nothing is recorded they go nowhere. An `error`
    that is empty says that what is raised is none of this one's.
    """

    __slots__ = (
        "_begun_ns",
        "_token",
        "attributes",
        "ended_ns",
        "error",
        "is_recorded",
        "kind",
        "links",
        "name",
        "parent_id",
        "started_ns",
        "traceparent",
    )

    def __init__(
        self, name: str, *, kind: Kind, parent: str | None, links: Sequence[str] = (), begun: Moment | None = None
    ) -> None:
        """Begin below `parent`, or begin a trace where there is none: recorded if a link is, or else by the ratio.

        It began just now, unless it is said when.
        """
        self.name = name
        self.kind = kind
        self.parent_id = ""
        self.links = links
        self.attributes: dict[str, Value] = {}
        self.error: str | None = None
        self._token: Token[str | None] | None = None
        if is_wellformed(parent):
            self.traceparent = child_of(parent)
            self.parent_id = span_of(parent or "")
        else:
            trace_id = new_trace_id()
            self.traceparent = new_context(trace_id, is_sampled=is_tracing() and (bool(links) or _is_chosen(trace_id)))
        self.is_recorded = is_tracing() and is_sampled(self.traceparent)
        self.started_ns, self._begun_ns = (begun or Moment.now()) if self.is_recorded else (0, 0)
        self.ended_ns = 0

    def end(self, error: BaseException | None = None) -> None:
        """Hand the span over; a failure makes it one, unless it was said what failed."""
        if error is not None and self.error is None:
            self.error = type(error).__name__
        sink = _recorder.sink
        if self.is_recorded and sink is not None:
            # The wall clock may have jumped meanwhile; how long it took does not.
            self.ended_ns = self.started_ns + time.monotonic_ns() - self._begun_ns
            sink(self)

    def __enter__(self) -> Self:
        self._token = current.set(self.traceparent)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._token is not None:
            current.reset(self._token)
        self.end(error)


def span(
    name: str,
    *,
    kind: Kind = Kind.INTERNAL,
    parent: str | None = _CURRENT,
    links: Sequence[str | None] = (),
    attributes: Attributes | None = None,
    begun: Moment | None = None,
) -> Span:
    """Return a span, begun: below `parent`, which is the work in progress unless said otherwise; None begins a trace.

    Of `links` those that are sampled count, `LINKS_MAX` at most: a span that begins a trace is recorded if one is.
    """
    above = current.get() if parent is _CURRENT else parent
    told = [link for link in links if link is not None and is_sampled(link)][:LINKS_MAX] if is_tracing() else []
    made = Span(name, kind=kind, parent=above, links=told, begun=begun)
    if made.is_recorded and attributes:
        made.attributes.update(attributes)
    return made


@contextmanager
def each(
    origins: Sequence[str | None],
    described: Callable[[int], tuple[str, Attributes]],
    *,
    kind: Kind,
    links: Sequence[str | None] = (),
    begun: Moment | None = None,
) -> Iterator[list[str | None]]:
    """Yield for each of `origins` the context of a span below it, or itself where its trace is not recorded.

    What is `described` (by its place) as a name and attributes becomes a span that ends with the block, for better or
    worse. Inside, what goes on under one of these traces has that span for its parent (`heir_of`).
    """
    if not is_tracing():
        yield list(origins)
        return
    told = [link for link in links if link is not None and is_sampled(link)]
    spans: list[Span] = []
    contexts = list(origins)
    for place, origin in enumerate(origins):
        if is_sampled(origin):
            name, attributes = described(place)
            one = Span(name, kind=kind, parent=origin, links=told, begun=begun)
            one.attributes.update(attributes)
            spans.append(one)
            contexts[place] = one.traceparent
    token = _heirs.set({**_heirs.get(), **{trace_of(one.traceparent): one.traceparent for one in spans}})
    try:
        yield contexts
    except BaseException as error:
        _end_all(spans, error)
        raise
    else:
        _end_all(spans, None)
    finally:
        _heirs.reset(token)


@contextmanager
def batch(
    name: str,
    origins: Sequence[str | None],
    described: Callable[[int], tuple[str, Attributes]],
    *,
    kinds: tuple[Kind, Kind],
    attributes: Attributes,
    begun: Moment | None = None,
) -> Iterator[list[str | None]]:
    """Yield what `each` does, inside a span of the whole that is linked with each; `kinds` are the whole's and each's.

    Where none of `origins` is sampled there is no span and no trace: then this costs a look at each.
    """
    sampled = [origin for origin in origins if origin is not None and is_sampled(origin)] if is_tracing() else []
    if not sampled:
        yield list(origins)
        return
    with (
        span(name, kind=kinds[0], parent=None, links=sampled, attributes=attributes, begun=begun) as whole,
        each(origins, described, kind=kinds[1], links=[whole.traceparent], begun=begun) as contexts,
    ):
        yield contexts


def heir_of(traceparent: str | None) -> str | None:
    """Return the context under which work of a trace goes on: that of its span in the `batch` or `each` around it."""
    if traceparent is None or not is_sampled(traceparent):
        return traceparent
    return _heirs.get().get(trace_of(traceparent), traceparent)


def _is_chosen(trace_id: str) -> bool:
    """Tell whether a trace that begins here is recorded: by its id's random bits, so that equal ratios agree."""
    return int(trace_id[-_RANDOM_BITS // 4 :], 16) < _recorder.ratio * (1 << _RANDOM_BITS)


def _end_all(spans: Sequence[Span], error: BaseException | None) -> None:
    """End spans of one block."""
    for one in spans:
        one.end(error)
