"""Business time can be moved in development, forward, and nowhere else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from cashback.kernel.clock import (
    AHEAD_MAX,
    ClockInvalid,
    ClockUnreadable,
    MovedClock,
    SystemClock,
    advance,
    ahead,
    business_clock,
    start_file,
)
from cashback.kernel.config import SettingsInvalid

DAY = timedelta(days=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the clock of a stack that has just started."""
    file = tmp_path / "clock"
    start_file(file)
    return file


def test_every_clock_that_reads_the_file_is_moved_at_once(file: Path) -> None:
    """Also those that were open before."""
    clocks = [MovedClock(file), MovedClock(file)]
    before = SystemClock().now()
    assert clocks[0].now() - before < DAY
    assert advance(file, 30 * DAY) == 30 * DAY
    assert all(clock.now() - before >= 30 * DAY for clock in clocks)


def test_a_stack_that_starts_again_is_not_put_back(file: Path) -> None:
    """What it stored it stored in that time."""
    advance(file, DAY)
    start_file(file)
    assert ahead(file) == DAY


def test_the_clock_never_goes_back_and_not_far_beyond_any_hold(file: Path) -> None:
    """Refused, and it stands where it stood."""
    advance(file, DAY)
    for by in (-timedelta(seconds=1), AHEAD_MAX):
        with pytest.raises(ClockInvalid):
            advance(file, by)
    assert ahead(file) == DAY


def test_two_who_move_it_at_once_both_count(file: Path) -> None:
    """Each under the lock of the file."""
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda _: advance(file, DAY), range(40)))
    assert ahead(file) == 40 * DAY


@pytest.mark.parametrize("said", ["", "soon", "9" * 60])
def test_a_file_that_we_did_not_write_is_not_read_as_no_move_at_all(file: Path, said: str) -> None:
    """That would be to go back."""
    file.write_text(said, encoding="ascii")
    with pytest.raises(ClockUnreadable):
        MovedClock(file).now()


def test_a_file_that_is_gone_stops_the_clock(file: Path) -> None:
    """For the same reason."""
    file.unlink()
    with pytest.raises(ClockUnreadable):
        MovedClock(file).now()


def test_time_is_the_machine_s_unless_a_development_says_otherwise(file: Path) -> None:
    """No process of production can be moved: with the file alone it does not start."""
    moved = {"CASHBACK_CLOCK_PATH": str(file)}
    assert isinstance(business_clock({}), SystemClock)
    assert isinstance(business_clock(moved | {"CASHBACK_DEVELOPMENT": "true"}), MovedClock)
    with pytest.raises(SettingsInvalid, match="CASHBACK_DEVELOPMENT"):
        business_clock(moved)
