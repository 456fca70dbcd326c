"""When a call is sent again, and when it is not: from the answer and from what was waited already."""

import pytest

from cashback.client import IMPATIENT, Patience
from cashback.client.patience import UNTOLD_WAIT_S, wait_after_answer, wait_after_nothing

PATIENT = Patience(tries_max=3, wait_max_s=10.0)


@pytest.mark.parametrize(
    "status, retry_after, wait_s",
    [
        (408, None, UNTOLD_WAIT_S),
        (409, "2", 2.0),
        (409, None, None),
        (429, "3", 3.0),
        (503, "1", 1.0),
        (503, None, UNTOLD_WAIT_S),
        (503, "Wed, 21 Oct 2026 07:28:00 GMT", UNTOLD_WAIT_S),
        (429, "11", None),
        (400, "1", None),
        (404, None, None),
        (412, "1", None),
        (422, "1", None),
        (500, "1", None),
        (200, None, None),
        (201, "1", None),
    ],
)
def test_what_passes_is_waited_for_as_long_as_it_says(
    status: int, retry_after: str | None, wait_s: float | None
) -> None:
    """A conflict that does not say when is one that stays, and what takes longer than we have is not waited for."""
    assert wait_after_answer(status, retry_after, tried=1, waited_s=0.0, by=PATIENT) == wait_s


@pytest.mark.parametrize("tried, waited_s, is_over", [(2, 9.0, False), (3, 0.0, True), (2, 9.5, True)])
def test_patience_ends_by_tries_and_by_time(tried: int, waited_s: float, is_over: bool) -> None:
    """Whichever is first."""
    assert (wait_after_answer(503, "1", tried=tried, waited_s=waited_s, by=PATIENT) is None) == is_over


def test_who_does_not_answer_is_asked_again_by_whoever_wants_that() -> None:
    """A person at a terminal is told at once."""
    assert wait_after_nothing(tried=1, waited_s=0.0, by=PATIENT) is None
    stubborn = Patience(tries_max=2, unreached_too=True)
    assert wait_after_nothing(tried=1, waited_s=0.0, by=stubborn) == UNTOLD_WAIT_S
    assert wait_after_nothing(tried=2, waited_s=0.0, by=stubborn) is None


def test_who_is_impatient_sends_once() -> None:
    """Whatever the answer says."""
    assert wait_after_answer(429, "0", tried=1, waited_s=0.0, by=IMPATIENT) is None
