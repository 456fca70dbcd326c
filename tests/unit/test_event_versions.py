"""Old versions of events: what was written by any release is read as the newest struct, and nothing else is."""

from datetime import UTC, datetime

import pytest

from cashback.events import EventUnreadable, decode, to_event
from cashback.events.catalogue import version_of, versions_of
from tests.support.versions import READ, WRITTEN, Thing, ThingOnce, ThingThen


@pytest.mark.parametrize("version", WRITTEN)
def test_data_of_every_version_is_read_as_the_newest_struct(version: int) -> None:
    """Step by step: each version knows only the way to the next."""
    assert decode(WRITTEN[version], Thing, version=version) == READ


def test_versions_are_counted_along_the_way_up() -> None:
    """So there is no version without its upcaster."""
    assert versions_of(Thing) == (ThingOnce, ThingThen, Thing)
    assert [version_of(kind) for kind in versions_of(Thing)] == [1, 2, 3]


def test_an_event_says_its_version() -> None:
    """Of the struct that it was made of."""
    event = to_event(READ, time=datetime(2026, 11, 22, tzinfo=UTC), traceparent=None)
    assert (event.version, event.data, event.key) == (3, WRITTEN[3], "pur_1")


@pytest.mark.parametrize("version", [0, -1, 4, 99_999])
def test_a_version_that_nobody_here_knows_is_refused(version: int) -> None:
    """It is not read as the newest one, which it may look like."""
    with pytest.raises(EventUnreadable, match=f"known here up to version 3, not in {version}: upgrade, then replay"):
        decode(WRITTEN[3], Thing, version=version)


@pytest.mark.parametrize("said, written", [(1, 2), (2, 1), (2, 3), (3, 1)])
def test_data_is_held_against_the_version_that_it_says(said: int, written: int) -> None:
    """What an upcaster is given matches the struct that it takes, so that it can fail on nothing."""
    with pytest.raises(EventUnreadable, match=r"thing\.happened cannot be read"):
        decode(WRITTEN[written], Thing, version=said)
