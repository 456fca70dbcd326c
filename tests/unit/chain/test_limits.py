"""How long a limiter asks to be left alone."""

import pytest

from cashback.chain.gateway.limits import RETRY_AFTER_MAX_S, asked_pause_s

AT = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    "status,headers,pause_s",
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": " 2 "}, 2),
        (429, {"Retry-After": "999999"}, RETRY_AFTER_MAX_S),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:05 GMT", "Date": AT}, 5),
        (429, {"Retry-After": AT, "Date": "Wed, 21 Oct 2026 07:28:05 GMT"}, 0),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:05 -0000", "Date": AT}, 5),
        (429, {"Retry-After": AT}, None),
        (429, {"Retry-After": "soon", "Date": AT}, None),
        (429, {"Retry-After": "-1"}, None),
        (429, {}, None),
        (200, {"Retry-After": "7"}, None),
    ],
)
def test_a_pause_is_in_seconds_or_until_a_date_and_bounded(
    status: int, headers: dict[str, str], pause_s: float | None
) -> None:
    """A date counts from the answer's own; what nobody can read is no pause, and the usual one applies."""
    assert asked_pause_s(status, headers) == pause_s
