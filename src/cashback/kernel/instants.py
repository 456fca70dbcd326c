"""The instants that there are: everything that people or machines tell, and everything that is stored, lies among them.

A database and a calendar know years that the other does not, and a local time a day on either side of its instant: one
that either cannot hold would be stored once and never be read again.
"""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""Both ends belong to the range; migrations of the schemas that store instants repeat them."""

WANTED: Final = f"an instant names its offset, and lies between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d} in UTC"


def is_in_range(instant: datetime) -> bool:
    """Tell whether an instant names its offset and lies in the range, wherever its offset takes it.

    >>> is_in_range(datetime.fromisoformat("9999-12-31T23:59:59-05:00"))
    False
    """
    return instant.tzinfo is not None and EARLIEST <= instant <= LATEST


def in_utc(instant: datetime | None) -> datetime | None:
    """Return an instant as one clock tells it, so that one instant has one cursor; what is none stays as it is.

    >>> str(in_utc(datetime.fromisoformat("2026-03-01T14:00:00+02:00")))
    '2026-03-01 12:00:00+00:00'
    """
    return instant.astimezone(UTC) if instant is not None and is_in_range(instant) else instant


def as_told(instant: datetime) -> str:
    """Return an instant as JSON, CSV and messages tell it: in UTC, with `Z` (RFC 3339, section 5.6).

    >>> as_told(datetime.fromisoformat("2026-03-01T14:00:00.5+02:00"))
    '2026-03-01T12:00:00.500000Z'
    """
    return instant.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
