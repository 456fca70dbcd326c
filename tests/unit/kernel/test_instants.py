"""The range that every instant lies in can be told in every place of the world, and read from every database."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.instants import EARLIEST, LATEST, is_in_range

WIDEST = timedelta(hours=23, minutes=59)
"""No offset is further from UTC (RFC 3339, section 5.6)."""

offsets = st.timedeltas(-WIDEST, WIDEST).map(lambda by: timezone(timedelta(minutes=by // timedelta(minutes=1))))


@given(at=st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None)), told=offsets, heard=offsets)
def test_what_is_in_range_can_be_told_in_every_place(at: datetime, told: timezone, heard: timezone) -> None:
    """Whoever tells it and whoever hears it: no conversion leaves the calendar."""
    instant = at.replace(tzinfo=UTC).astimezone(told)
    assert is_in_range(instant)
    assert instant.astimezone(heard) == instant


@given(st.datetimes(timezones=offsets))
def test_every_instant_is_in_range_or_not(instant: datetime) -> None:
    """Also those that no conversion to UTC can tell."""
    try:
        told = instant.astimezone(UTC)
    except OverflowError:
        assert not is_in_range(instant)
        return
    assert is_in_range(instant) == (EARLIEST <= told <= LATEST)


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+14:00", "9999-01-01T00:00:00.000001Z", "2026-01-01T00:00:00"],
)
def test_what_is_out_of_range_or_of_no_place_is_none(text: str) -> None:
    """A time without its offset is a different one in every place."""
    assert not is_in_range(datetime.fromisoformat(text))
