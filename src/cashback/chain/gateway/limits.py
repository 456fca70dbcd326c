"""What a rate limiter asks for: a pause, in seconds or until a date (RFC 9110, section 10.2.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

RETRY_AFTER_MAX_S: Final = 30.0
"""Nobody is left alone for longer: a limiter that asks for hours is asked again, and counts as unwell meanwhile."""


def asked_pause_s(status: int, headers: Mapping[str, str]) -> float | None:
    """Return for how long an answer of this status asks to be left alone, bounded; None when it does not, or not well.

    A date counts from the answer's own: clocks differ.

    >>> asked_pause_s(429, {"Retry-After": "7"})
    7.0
    """
    text = headers.get("Retry-After", "").strip()
    if status == HTTPStatus.OK or not text:
        return None
    if text.isascii() and text.isdecimal():
        wanted_s = float(text)
    else:
        until, since = _date(text), _date(headers.get("Date", ""))
        if until is None or since is None:
            return None
        wanted_s = (until - since).total_seconds()
    return min(max(wanted_s, 0.0), RETRY_AFTER_MAX_S)


def _date(text: str) -> datetime | None:
    """Return an HTTP date, None when it is none; one that keeps its zone to itself is taken for UTC, as all are."""
    try:
        told = parsedate_to_datetime(text)
    except ValueError:
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)
