"""`cashback clock`: the business time of one `cashback dev`, moved for all of its processes."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cashback.cli.command import EXIT_REJECTED, EXIT_SETTINGS, EXIT_UNAVAILABLE
from cashback.kernel.clock import start_file
from tests.integration.cli.conftest import Cashback, Dev


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Give the clock of a stack, without the stack."""
    start_file(tmp_path / "clock")
    return {"CASHBACK_CLOCK_PATH": str(tmp_path / "clock"), "CASHBACK_DEVELOPMENT": "true"}


def test_time_is_shown_and_moved_by_a_span_and_to_an_instant(cashback: Cashback, settings: dict[str, str]) -> None:
    """Each answer says what time it then is."""
    shown = cashback("clock", "show", "--json", settings=settings).json
    moved = cashback("clock", "advance", "30d", "--json", settings=settings).json
    assert isinstance(shown, dict)
    assert isinstance(moved, dict)
    assert (shown["ahead_s"], moved["ahead_s"]) == ("0", str(30 * 86_400))
    there = datetime.fromisoformat(moved["now"]) + timedelta(days=9)
    told = cashback("clock", "set", there.isoformat(), "--json", settings=settings).json
    assert isinstance(told, dict)
    assert abs(datetime.fromisoformat(told["now"]) - there) < timedelta(minutes=1)
    assert "business time" in cashback("clock", "show", settings=settings).out


def test_time_is_not_moved_back_and_not_to_what_is_no_time(cashback: Cashback, settings: dict[str, str]) -> None:
    """Refused with a code, and nothing moves."""
    for words in (("set", "2020-01-01T00:00:00Z"), ("set", "2099-01-01"), ("set", "tomorrow"), ("advance", "9999w")):
        said = cashback("clock", *words, settings=settings)
        assert (said.code, said.out) == (EXIT_REJECTED, "")
        assert "clock_invalid" in said.err
    assert cashback("clock", "advance", "-1d", settings=settings).code == 2
    assert cashback("clock", "advance", "999999999w", settings=settings).code == 2
    assert '"0"' in cashback("clock", "show", "--json", settings=settings).out


def test_only_a_development_has_a_clock_to_move(cashback: Cashback, settings: dict[str, str]) -> None:
    """Without the file, without the word, or with a file that is gone."""
    assert cashback("clock", "show", settings={}).code == EXIT_SETTINGS
    assert cashback("clock", "advance", "1d", settings=settings, CASHBACK_DEVELOPMENT="").code == EXIT_SETTINGS
    Path(settings["CASHBACK_CLOCK_PATH"]).unlink()
    assert cashback("clock", "show", settings=settings).code == EXIT_UNAVAILABLE


def test_the_processes_of_a_dev_do_business_by_its_clock(dev: Dev, cashback: Cashback) -> None:
    """A purchase that is entered after the move is recorded in the time moved to, by a process that was up before."""
    before = cashback("clock", "show", "--json", settings=dev.settings).json
    assert isinstance(before, dict)
    cashback("clock", "advance", "3d", settings=dev.settings)
    words = ("purchase", "create", "--user", dev.user_id, "--merchant", dev.merchant_id, "--amount", "1999", "--json")
    said = cashback(*words, settings=dev.settings)
    assert said.code == 0, said.err
    told = said.json
    assert isinstance(told, dict)
    moved = datetime.fromisoformat(before["now"]) + timedelta(days=3)
    assert datetime.fromisoformat(told["occurred_at"]) >= moved
    assert datetime.fromisoformat(told["received_at"]) >= moved
