"""Where the window of a new version may lie among those of a programme: `[start, end)`, now or later, none overlapping.

open end      |-- v1 -------------------------▶
publish v2              start |-- v2 ---------▶      v1 is closed at the start of v2
publish v2          start |-- v2 --| end             refused where v1 has an end of its own beyond the start
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from cashback.kernel.instants import WANTED, in_utc, is_in_range
from cashback.ledger.model.drafts import Version, WindowEmpty, WindowInPast, WindowOverlaps


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The window of a version to be, in UTC, and the version whose open end is closed at its start."""

    starts_at: datetime
    ends_at: datetime | None
    closes: str | None


def place(
    versions: Sequence[Version], *, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> Placed:
    """Return where a new version lies among those that were not withdrawn; without a start it starts now.

    Raises:
        WindowInPast: it would start before now, and change decisions that were made.
        WindowEmpty: it would end before it has started, or a time lacks its offset or is out of range.
        WindowOverlaps: it would share time with another version that keeps its window.
    """
    for name, told in (("starts_at", starts_at), ("ends_at", ends_at)):
        if told is not None and not is_in_range(told):
            raise WindowEmpty(WANTED, pointer=f"/{name}")
    start = now if starts_at is None else starts_at
    if start < now:
        raise WindowInPast("a version starts now or later: decisions were made until now", pointer="/starts_at")
    if ends_at is not None and ends_at <= start:
        raise WindowEmpty("a window ends after its start", pointer="/ends_at")
    closes = None
    for version in versions:
        if version.withdrawn_at is not None or not _overlap(version, start, ends_at):
            continue
        if version.ends_at is None and version.starts_at < start:
            closes = version.id
            continue
        pointer = "/ends_at" if start < version.starts_at else "/starts_at"
        raise WindowOverlaps(f"version {version.version} has this time already", pointer=pointer, ruleset_id=version.id)
    return Placed(starts_at=start.astimezone(UTC), ends_at=in_utc(ends_at), closes=closes)


def continued(versions: Sequence[Version], withdrawn: Version) -> Version | None:
    """Return the version that goes on where a withdrawn one would have begun; None where that had closed no other.

    Its successor takes the whole window of the withdrawn one, so that a withdrawal leaves no gap that was not there.
    """
    if withdrawn.closes is None:
        return None
    return next(
        (
            version
            for version in versions
            if version.withdrawn_at is None and version.id != withdrawn.id and version.ends_at == withdrawn.starts_at
        ),
        None,
    )


def _overlap(version: Version, start: datetime, end: datetime | None) -> bool:
    """Tell whether two windows share an instant."""
    return (version.ends_at is None or start < version.ends_at) and (end is None or version.starts_at < end)
