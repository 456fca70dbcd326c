"""Spans: parents unbroken, batches linked, traces sampled as a whole, and nothing made where nobody listens."""

from collections.abc import Iterator

import pytest

from cashback.kernel.telemetry import Kind, Span, batch, current_traceparent, heir_of, record_with, span, trace
from cashback.kernel.telemetry.context import is_sampled, is_wellformed, new_context, new_trace_id, span_of, trace_of
from tests.support.forked import said_by_fork

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = ONE[:-2] + "00"


@pytest.fixture
def told() -> Iterator[list[Span]]:
    """Give the list of all spans that end during the test, every trace recorded."""
    spans: list[Span] = []
    with record_with(spans.append):
        yield spans


def test_what_happens_inside_a_span_is_its_child_and_the_flag_is_kept(told: list[Span]) -> None:
    """Down from the caller's context, in order, under one trace id; outside there is no context."""
    with span("outer", kind=Kind.SERVER, parent=ONE) as outer, span("inner"):
        assert current_traceparent() != outer.traceparent
    inner, last = told
    assert (inner.name, inner.parent_id) == ("inner", span_of(outer.traceparent))
    assert (last.parent_id, last.kind) == (span_of(ONE), Kind.SERVER)
    assert {trace_of(one.traceparent) for one in told} == {trace_of(ONE)}
    assert current_traceparent() is None


def test_a_trace_that_its_caller_does_not_record_is_continued_and_not_recorded(told: list[Span]) -> None:
    """Parent-based: the flag goes on as it came, and no span is told."""
    with span("outer", parent=UNSAMPLED) as outer, trace(outer.traceparent) as inner:
        assert not is_sampled(inner)
    assert trace_of(inner) == trace_of(ONE)
    assert told == []


@pytest.mark.parametrize("ratio, recorded", [(0.0, 0), (1.0, 200)])
def test_at_the_root_the_ratio_decides(ratio: float, recorded: int) -> None:
    """None and all of those that begin here; one that was begun elsewhere is recorded whatever the ratio."""
    spans: list[Span] = []
    with record_with(spans.append, ratio=ratio):
        for _ in range(200):
            with span("root", parent=None):
                pass
        assert len(spans) == recorded
        with span("continued", parent=ONE):
            pass
    assert len(spans) == recorded + 1


def test_two_processes_of_one_ratio_choose_the_same_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the id's low 56 bits, as the specification's samplers do: just under the ratio is in, at it is out."""
    ids = iter(["0" * 18 + "3fffffffffffff", "0" * 18 + "40000000000000"])
    monkeypatch.setattr("cashback.kernel.telemetry.spans.new_trace_id", lambda: next(ids))
    spans: list[Span] = []
    with record_with(spans.append, ratio=0.25):
        assert [is_sampled(span("root", parent=None).traceparent) for _ in range(2)] == [True, False]


def test_a_batch_is_linked_with_each_of_its_traces_and_no_ones_parent(told: list[Span]) -> None:
    """Each sampled part has a span in its own trace, linked to the whole; what is not sampled passes as it is."""
    origins = [ONE, None, UNSAMPLED, OTHER]
    kinds = (Kind.CLIENT, Kind.PRODUCER)
    with batch("send", origins, lambda at: (f"part {at}", {"at": at}), kinds=kinds, attributes={}) as contexts:
        assert contexts[1:3] == [None, UNSAMPLED]
        assert heir_of(ONE) == contexts[0]
        assert heir_of(UNSAMPLED) == UNSAMPLED
    first, last, whole = told
    assert [(one.name, one.parent_id) for one in (first, last)] == [
        ("part 0", span_of(ONE)),
        ("part 3", span_of(OTHER)),
    ]
    assert (whole.parent_id, list(whole.links)) == ("", [ONE, OTHER])
    assert list(first.links) == list(last.links) == [whole.traceparent]
    assert len({trace_of(one.traceparent) for one in told}) == 3
    assert heir_of(ONE) == ONE


def test_a_failure_marks_the_span_and_all_parts_of_a_batch(told: list[Span]) -> None:
    """By the class of the error, which is let through."""
    kinds = (Kind.CLIENT, Kind.PRODUCER)
    with pytest.raises(KeyError), batch("send", [ONE, OTHER], lambda _: ("part", {}), kinds=kinds, attributes={}):
        raise KeyError
    assert [one.error for one in told] == ["KeyError"] * 3


def test_without_anybody_who_listens_ids_are_made_and_nothing_else() -> None:
    """As `trace` does: the trace goes on under a new span id, and a batch is passed through."""
    with span("outer", parent=ONE) as outer:
        assert not outer.is_recorded
        assert current_traceparent() == outer.traceparent
        assert (trace_of(outer.traceparent), outer.traceparent[-2:]) == (trace_of(ONE), "01")
    kinds = (Kind.CLIENT, Kind.PRODUCER)
    with batch("send", [ONE], lambda _: ("part", {}), kinds=kinds, attributes={}) as contexts:
        assert contexts == [ONE]
        assert heir_of(ONE) == ONE


def test_a_forked_process_begins_traces_of_its_own() -> None:
    """What ids of traces come from is seeded anew by a fork, or both would go on in the same order."""
    theirs = said_by_fork(lambda: new_context(new_trace_id(), is_sampled=True))
    ours = new_context(new_trace_id(), is_sampled=True)
    assert is_wellformed(theirs)
    assert is_wellformed(ours)
    assert trace_of(theirs) != trace_of(ours)
    assert span_of(theirs) != span_of(ours)
