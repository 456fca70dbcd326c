"""What is told of an event's failures, and for how long others wait for it."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.failures import HISTORY_HEADER_MAX, held_back_for_s, told
from cashback.kernel.bus.frame import header_value
from cashback.kernel.inbox import HISTORY_MAX, Entry

WORKER = "w" * 100


@given(st.lists(st.text(max_size=300), min_size=1, max_size=HISTORY_MAX))
def test_a_history_fits_its_header_whatever_the_reasons_are(reasons: list[str]) -> None:
    """Encoded as it is sent; each failure is still there, and what is left of each reason begins as it did."""
    history = [Entry(at="2026-01-01T00:00:00Z", error="E" * 100, reason=one, worker=WORKER) for one in reasons]
    text = told(history)
    assert len(header_value(text)) <= HISTORY_HEADER_MAX
    read = msgspec.json.decode(text, type=list[Entry])
    assert len(read) == len(history)
    assert all(one.reason.startswith(short.reason) for one, short in zip(history, read, strict=True))


def test_a_short_history_is_told_in_full() -> None:
    """Nothing is cut where there is room."""
    history = [Entry(at="2026-01-01T00:00:00Z", error="ValueError", reason="r" * 300, worker=WORKER)] * HISTORY_MAX
    assert msgspec.json.decode(told(history), type=list[Entry]) == history


@given(st.floats(-60.0, 7_200.0))
def test_what_waits_comes_after_what_it_waits_for_and_within_bounds(due_in_s: float) -> None:
    """What is overdue is looked for later and later."""
    backoff = Backoff(base_s=0.5, cap_s=30.0)
    wait_s = held_back_for_s(due_in_s, backoff=backoff)
    assert min(abs(due_in_s), 30.0) + 0.25 <= wait_s <= 30.5
