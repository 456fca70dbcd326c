"""Time: the only place that reads a wall clock, so that tests and `cashback dev` can move it.

    machine ──▶ SystemClock ──▶ what must stay real: leases, timeouts, the broker, the chain
                     └─ + seconds in CASHBACK_CLOCK_PATH ──▶ MovedClock ──▶ business time: occurred, held, expired

Every process of one `cashback dev` reads the same file, and `cashback clock` writes it. Nobody else has one: a process
with CASHBACK_CLOCK_PATH and without CASHBACK_DEVELOPMENT=true does not start.
"""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from cashback.kernel.config import load
from cashback.kernel.errors import Invalid, Unavailable

AHEAD_MAX: Final = timedelta(days=3_650)
"""How far business time may run ahead of the machine's."""
_BYTES_MAX: Final = 64


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


class ClockInvalid(Invalid):
    """The clock cannot be moved so: it never goes back, and only so far ahead."""

    code = "clock_invalid"


class ClockUnreadable(Unavailable):
    """The file that says how far business time is ahead is missing, or says nothing that we wrote."""

    code = "clock_unreadable"


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whose business time is ahead of the machine's, and by which file; nobody's but in development."""

    clock_path: str = ""
    development: bool = False

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield what keeps time from being moved."""
        if settings.get("clock_path") and not settings.get("development"):
            yield "CASHBACK_CLOCK_PATH is wrong: it moves the time of business, and wants CASHBACK_DEVELOPMENT=true"


class MovedClock:
    """The machine's clock and what a file puts it ahead by; the file is read each time, so that nobody restarts."""

    def __init__(self, file: Path) -> None:
        """Be ahead by what `file` says."""
        self._file = file

    def now(self) -> datetime:
        """Return the instant of business.

        Raises:
            ClockUnreadable: nobody can tell; to go on with the machine's time would be to go back.
        """
        return SystemClock().now() + ahead(self._file)


def business_clock(environ: Mapping[str, str] | None = None) -> Clock:
    """Return the clock that this process does business by.

    Raises:
        SettingsInvalid: it would be moved outside development.
    """
    settings = load(ClockSettings, environ)
    return MovedClock(Path(settings.clock_path)) if settings.clock_path else SystemClock()


def ahead(file: Path) -> timedelta:
    """Return how far business time is ahead, by a file that `advance` wrote.

    Raises:
        ClockUnreadable: it is missing, or says no such thing.
    """
    try:
        with file.open(encoding="ascii") as stored:
            return timedelta(seconds=int(stored.read(_BYTES_MAX)))
    except (OSError, ValueError, OverflowError) as cause:
        raise ClockUnreadable(f"{file} does not tell how far time is ahead") from cause


def start_file(file: Path) -> None:
    """Have a file that puts nothing ahead, unless there is one: what is stored was stored in its time."""
    if not file.exists():
        _write(file, timedelta(0))


def advance(file: Path, by: timedelta) -> timedelta:
    """Put business time ahead by so much more, and return by how much it then is; two callers both count.

    Raises:
        ClockInvalid: `by` is negative, or leads too far.
        ClockUnreadable: the file is none that `start_file` or this wrote.
    """
    if by < timedelta(0):
        raise ClockInvalid("the clock never goes back: what happened would not have happened yet")
    with file.with_name(f"{file.name}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = ahead(file)
        # Compared before they are added: the sum may be longer than any span there is.
        if before > AHEAD_MAX or by > AHEAD_MAX - before:
            raise ClockInvalid(f"the clock runs at most {AHEAD_MAX.days} days ahead")
        total = before + by
        _write(file, total)
    return total


def _write(file: Path, total: timedelta) -> None:
    """Write the file whole or not at all: somebody may be reading it."""
    written = file.with_name(f"{file.name}.{os.getpid()}")
    written.write_text(str(int(total.total_seconds())), encoding="ascii")
    written.replace(file)


def monotonic_s() -> float:
    """Return seconds from an arbitrary start that never go back; for deadlines and durations."""
    return time.monotonic()
