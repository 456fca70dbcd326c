"""A hint about the settings of a `cashback dev` stands where it helps, and nowhere else."""

from pathlib import Path

import pytest

from cashback.cli.settings_file import next_step, write
from cashback.kernel.config import SettingsInvalid
from cashback.kernel.errors import Rejected, Unavailable

AWAY = Unavailable("the API did not answer")
MISSING = SettingsInvalid(["CASHBACK_API_URL is required"], missing=["CASHBACK_API_URL"])
WRONG = SettingsInvalid(["CASHBACK_API_URL is wrong: it must be a URL, https://HOST"])


@pytest.fixture
def loaded(tmp_path: Path) -> dict[str, str]:
    """Give the settings of a `cashback dev` as a terminal has loaded them."""
    folder = tmp_path / "data of dev"
    folder.mkdir()
    settings = {
        "CASHBACK_CLOCK_PATH": str(folder / "clock"),
        "CASHBACK_API_URL": "http://127.0.0.1:8080",
        "CASHBACK_API_KEY": "key_1.it's secret",
        "CASHBACK_LEDGER_AUDIT_DSN": "postgresql://auditor:word@127.0.0.1:5432/cashback",
    }
    write(folder / "dev.env", settings, {"cashback": "/venv/bin/python -m cashback"})
    return settings


def test_where_to_find_settings_is_told_to_whom_some_are_missing() -> None:
    """Not where those that are there are wrong, nor where such a file was loaded: it has no more than that."""
    assert next_step(MISSING, {}).endswith("are loaded by: set -a; . FOLDER/dev.env; set +a")
    assert next_step(WRONG, {}) == ""
    assert next_step(MISSING, {"CASHBACK_CLOCK_PATH": "/data/clock"}) == ""


def test_nothing_is_told_about_addresses_that_are_right(loaded: dict[str, str]) -> None:
    """A server that is down is found at the same address by whoever loads the same settings again."""
    assert next_step(AWAY, loaded) == ""
    assert next_step(AWAY, loaded | {"CASHBACK_API_KEY": "key_2.of a merchant"}) == ""
    assert next_step(AWAY, {}) == ""
    assert next_step(Rejected("no"), loaded | {"CASHBACK_API_URL": "http://127.0.0.1:1"}) == ""


def test_addresses_that_are_not_in_the_file_are_told_as_such(loaded: dict[str, str]) -> None:
    """Of an earlier start, or set by hand, which nobody knows; any of them is enough."""
    folder = Path(loaded["CASHBACK_CLOCK_PATH"]).parent
    for name, value in (
        ("CASHBACK_API_URL", "http://127.0.0.1:1"),
        ("CASHBACK_LEDGER_AUDIT_DSN", "postgresql://auditor:word@127.0.0.1:1/cashback"),
    ):
        told = next_step(AWAY, loaded | {name: value})
        assert told == (
            "; the addresses here are not those in the `dev.env` of their `cashback dev`: load them again:"
            f" set -a; . '{folder}/dev.env'; set +a"
        )


def test_a_folder_that_is_gone_is_told_as_such(loaded: dict[str, str]) -> None:
    """That of a `cashback dev` without --folder goes with it, and there is nothing to load again."""
    file = Path(loaded["CASHBACK_CLOCK_PATH"]).parent / "dev.env"
    file.unlink()
    assert next_step(AWAY, loaded) == f"; the `cashback dev` of these settings has ended, and {file} is gone with it"
