"""The trace context is continued where it is well-formed and begun anew where it is not."""

import pytest

from cashback.kernel.telemetry import current_traceparent, trace

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_given_trace_is_continued_as_a_new_span() -> None:
    """The trace id stays, the span id changes (W3C Trace Context)."""
    with trace(GIVEN) as value:
        assert value == current_traceparent()
        assert value.split("-")[1] == GIVEN.split("-")[1]
        assert value.split("-")[2] != GIVEN.split("-")[2]
    assert current_traceparent() is None


@pytest.mark.parametrize("given", [None, "", "junk", GIVEN.upper(), "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_a_malformed_trace_is_begun_anew(given: str | None) -> None:
    """What a stranger sends never ends up in our logs as it stands."""
    with trace(given) as value:
        assert value.split("-")[1] not in (given or "never")
