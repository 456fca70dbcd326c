"""Windows of versions, whatever is published, staged and withdrawn: never two at one instant."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.errors import Rejected
from cashback.ledger.model.drafts import Version
from cashback.ledger.rules.windows import continued, place

START = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON = 20

DAYS = st.one_of(st.none(), st.integers(0, HORIZON))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), DAYS, DAYS),
        st.tuples(st.just("withdraw"), st.integers(1, 8), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 3), st.none()),
    ),
    max_size=12,
)


def day(number: int | None) -> datetime | None:
    """Return midnight of a day."""
    return None if number is None else START + timedelta(days=number)


def published(
    versions: list[Version], starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> list[Version]:
    """Return the versions with one more, as publishing stores them; as they were when it is refused."""
    try:
        placed = place(versions, starts_at=starts_at, ends_at=ends_at, now=now)
    except Rejected:
        return versions
    kept = [
        msgspec.structs.replace(each, ends_at=placed.starts_at) if each.id == placed.closes else each
        for each in versions
    ]
    return [*kept, version(len(versions) + 1, placed.starts_at, placed.ends_at, placed.closes)]


def version(number: int, starts_at: datetime, ends_at: datetime | None, closes: str | None) -> Version:
    """Return a version in a window."""
    return Version(
        id=f"rul_{number}",
        programme_id="prg_1",
        version=number,
        document=b"{}",
        digest=b"",
        starts_at=starts_at,
        ends_at=ends_at,
        published_at=START,
        published_by="operator",
        closes=closes,
        withdrawn_at=None,
    )


def withdrawn(versions: list[Version], number: int, now: datetime) -> list[Version]:
    """Return the versions with one withdrawn and continued, as withdrawing stores them."""
    gone = next((each for each in versions if each.version == number), None)
    if gone is None or gone.withdrawn_at is not None or gone.starts_at <= now:
        return versions
    before = continued(versions, gone)
    kept = [msgspec.structs.replace(each, withdrawn_at=now) if each is gone else each for each in versions]
    if before is None:
        return kept
    return [*kept, version(len(versions) + 1, gone.starts_at, gone.ends_at, before.id)]


def in_force(versions: list[Version], at: datetime) -> list[Version]:
    """Return which versions decide at an instant."""
    return [
        each
        for each in versions
        if each.withdrawn_at is None and each.starts_at <= at and (each.ends_at is None or at < each.ends_at)
    ]


@given(STEPS)
def test_at_most_one_version_is_in_force_and_the_past_never_changes(steps: list[tuple[str, int, int]]) -> None:
    """After each step; and a withdrawal opens no gap where something was in force before its version was staged."""
    versions, now = [version(1, START, None, None)], START
    for kind, first, second in steps:
        past = {
            at: in_force(versions, at) for at in (START + timedelta(days=n) for n in range(HORIZON * 2)) if at < now
        }
        if kind == "publish":
            versions = published(versions, day(first), day(second), now)
        elif kind == "withdraw":
            covered = [n for n in range(HORIZON * 2) if in_force(versions, START + timedelta(days=n))]
            is_closing = any(each.version == first and each.closes for each in versions)
            versions = withdrawn(versions, first, now)
            if is_closing:
                assert [n for n in covered if not in_force(versions, START + timedelta(days=n))] == []
        else:
            now += timedelta(days=first)
        for number in range(HORIZON * 2):
            assert len(in_force(versions, START + timedelta(days=number))) <= 1
        assert {at: [one.id for one in found] for at, found in past.items()} == {
            at: [one.id for one in in_force(versions, at)] for at in past
        }
