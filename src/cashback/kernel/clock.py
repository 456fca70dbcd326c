"""Time: the only place that reads a wall clock, so that tests and `cashback dev` can move it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """Return the present instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's wall clock; it may jump, so nothing measures a duration with it."""

    def now(self) -> datetime:
        """Return the machine's present instant in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        """Stand at `start`, which must be aware."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the instant the clock was last moved to."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward (or back, with a negative `by`)."""
        self._now += by


def monotonic_s() -> float:
    """Return seconds from an arbitrary start that never go back; for deadlines and durations."""
    return time.monotonic()
