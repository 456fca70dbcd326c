"""What follows from a try: when the next one is, or that there is none.

2xx ──▶ delivered          410 ──▶ gone: the endpoint is disabled, its deliveries end
anything else, a redirect and silence too ──▶ again, later and later, ten times in all ──▶ failed
"""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias
from zlib import crc32

import msgspec

from cashback.webhooks.model import Answer, NoAnswer, SecretUnreadable

_MINUTE_S: Final = 60
_HOUR_S: Final = 3_600
WAITS_S: Final = (
    5,
    5 * _MINUTE_S,
    30 * _MINUTE_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
    14 * _HOUR_S,
    20 * _HOUR_S,
    24 * _HOUR_S,
)
"""From one try to the next, as published: ten tries within 75 h 35 min, and a tenth more at most for the jitter."""

TRIES_MAX: Final = len(WAITS_S) + 1
ASKED_WAIT_S_MAX: Final = 24 * _HOUR_S
"""The longest that an endpoint may ask to be left alone for."""

FAILING_FOR: Final = timedelta(days=5)
"""So long without a success, and an endpoint is disabled."""

_PER_MILLE: Final = 1_000
_JITTER_PARTS: Final = 10
_DIGITS_MAX: Final = 10
_OK: Final = range(200, 300)
_GONE: Final = 410
_MAY_ASK: Final = frozenset({429, 503})
UNFORESEEN: Final = NoAnswer("unforeseen")
"""What a try comes to that failed here, for a reason that nobody thought of."""

_OURS: Final = (NoAnswer(SecretUnreadable.code), UNFORESEEN)


class Delivered(msgspec.Struct, frozen=True):
    """The endpoint has it."""


class Gone(msgspec.Struct, frozen=True):
    """The endpoint says that it is no more."""


class Again(msgspec.Struct, frozen=True):
    """It is tried again after so long (ms)."""

    wait_ms: int


class GivenUp(msgspec.Struct, frozen=True):
    """That was the last try."""


Next: TypeAlias = Delivered | Gone | Again | GivenUp


def judge(outcome: Answer | NoAnswer, *, tries: int, name: str, now: datetime) -> Next:
    """Return what follows from the outcome of the try with this number; `name` spreads deliveries that fail as one."""
    match outcome:
        case Answer(status=status) if status in _OK:
            return Delivered()
        case Answer(status=status) if status == _GONE:
            return Gone()
        case _ if tries >= TRIES_MAX:
            return GivenUp()
        case _:
            return Again(max(wait_ms(tries, name=name), _asked_ms(outcome, now=now)))


def judge_elsewhere(*, tries: int, name: str) -> Again | GivenUp:
    """Return what follows from a failure at an address that was left meanwhile: the next try, if there is one."""
    return GivenUp() if tries >= TRIES_MAX else Again(wait_ms(tries, name=name))


def is_theirs(outcome: Answer | NoAnswer) -> bool:
    """Tell whether a failure counts against its endpoint; an unreadable secret and a defect of ours do not."""
    return outcome not in _OURS


def wait_ms(tries: int, *, name: str) -> int:
    """Return the wait after the n-th try: as published, and up to a tenth more, always the same for a name."""
    jitter_per_mille = crc32(f"{name}:{tries}".encode()) % _PER_MILLE
    return WAITS_S[tries - 1] * (_PER_MILLE + jitter_per_mille // _JITTER_PARTS)


def asked_s(header: str | None, *, now: datetime) -> int | None:
    """Return for how long `Retry-After` asks to be left alone (RFC 9110: seconds, or an instant), a day at most.

    >>> asked_s("120", now=datetime.fromisoformat("2026-01-01T00:00:00Z"))
    120
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:_DIGITS_MAX]), ASKED_WAIT_S_MAX)
    try:
        asked = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year or a zone of twenty digits is the latter
        return None
    # An instant without a zone is one of UTC (RFC 9110, 5.6.7), which this parser leaves open.
    instant = asked if asked.tzinfo is not None else asked.replace(tzinfo=now.tzinfo)
    return min(max(int((instant - now).total_seconds()), 0), ASKED_WAIT_S_MAX)


def _asked_ms(outcome: Answer | NoAnswer, *, now: datetime) -> int:
    """Return how long whoever may ask for it asks to be left alone."""
    if isinstance(outcome, Answer) and outcome.status in _MAY_ASK:
        return (asked_s(outcome.retry_after, now=now) or 0) * _PER_MILLE
    return 0
