"""What follows from a try, and when."""

from datetime import UTC, datetime

import pytest

from cashback.webhooks.model import Answer, NoAnswer
from cashback.webhooks.rules.schedule import (
    ASKED_WAIT_S_MAX,
    TRIES_MAX,
    WAITS_S,
    Again,
    Delivered,
    GivenUp,
    Gone,
    asked_s,
    is_theirs,
    judge,
    judge_elsewhere,
    wait_ms,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def answer(status: int, *, retry_after: str | None = None) -> Answer:
    """Return an answer without words."""
    return Answer(status=status, retry_after=retry_after, body=b"")


def test_ten_tries_are_made_within_75_hours_and_35_minutes() -> None:
    """As published, to the five seconds of the first wait."""
    assert TRIES_MAX == 10
    assert sum(WAITS_S) == 75 * 3_600 + 35 * 60 + 5


def test_a_failure_at_an_address_that_was_left_is_followed_by_the_next_try() -> None:
    """As any failure, to the last one."""
    verdicts = [judge_elsewhere(tries=tries, name="whd_1") for tries in range(1, TRIES_MAX + 1)]
    assert verdicts == [*(Again(wait_ms(tries, name="whd_1")) for tries in range(1, TRIES_MAX)), GivenUp()]


def test_a_wait_is_as_published_and_up_to_a_tenth_longer() -> None:
    """Always the same for a delivery, and spread over many."""
    for tries, published_s in enumerate(WAITS_S, start=1):
        waits = {wait_ms(tries, name=f"whd_{number}") for number in range(500)}
        assert published_s * 1_000 <= min(waits) < max(waits) <= published_s * 1_100
        assert len(waits) > 50
    assert wait_ms(3, name="whd_1") == wait_ms(3, name="whd_1")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_delivery(status: int) -> None:
    """On the last try, too."""
    assert judge(answer(status), tries=TRIES_MAX, name="d", now=NOW) == Delivered()


@pytest.mark.parametrize("tries", [1, TRIES_MAX])
def test_410_is_the_end_of_the_endpoint(tries: int) -> None:
    """Whenever it is said."""
    assert judge(answer(410), tries=tries, name="d", now=NOW) == Gone()


@pytest.mark.parametrize("outcome", [answer(301), answer(400), answer(404), answer(500), NoAnswer("timeout")])
def test_anything_else_is_tried_again_and_given_up_after_the_tenth(outcome: Answer | NoAnswer) -> None:
    """A redirect is a failure like any other."""
    assert judge(outcome, tries=1, name="d", now=NOW) == Again(wait_ms(1, name="d"))
    assert judge(outcome, tries=TRIES_MAX, name="d", now=NOW) == GivenUp()


def test_whoever_may_ask_for_a_longer_pause_gets_it() -> None:
    """429 and 503; never a shorter one, and from nobody else."""
    for status in (429, 503):
        assert judge(answer(status, retry_after="900"), tries=1, name="d", now=NOW) == Again(900_000)
        assert judge(answer(status, retry_after="1"), tries=1, name="d", now=NOW) == Again(wait_ms(1, name="d"))
    assert judge(answer(500, retry_after="900"), tries=1, name="d", now=NOW) == Again(wait_ms(1, name="d"))


def test_a_secret_of_ours_that_cannot_be_read_is_retried_and_does_not_count_against_the_endpoint() -> None:
    """By the published waits; whatever else fails counts."""
    ours = NoAnswer("secret_unreadable")
    assert judge(ours, tries=1, name="d", now=NOW) == Again(wait_ms(1, name="d"))
    assert not is_theirs(ours)
    assert all(is_theirs(each) for each in (NoAnswer("timeout"), answer(500)))


@pytest.mark.parametrize(
    "header,seconds",
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("9" * 40, ASKED_WAIT_S_MAX),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 12:01:00 -0000", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", ASKED_WAIT_S_MAX),
        ("soon", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999", None),
        ("1 Jan 99999999999999999999 00:00:00 GMT", None),
        ("-5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_an_instant(header: str | None, seconds: int | None) -> None:
    """A day at most; what is neither is not asked for."""
    assert asked_s(header, now=NOW) == seconds
