"""Settings: every problem at once, secrets masked, files for what must not stand in the environment."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from cashback.kernel.config import Secret, SettingsInvalid, load


class Example(msgspec.Struct, frozen=True):
    """Settings of no process in particular."""

    dsn: Secret
    port: int
    urls: Annotated[tuple[str, ...], msgspec.Meta(max_length=2)] = ()
    is_verbose: bool = False


def test_settings_are_decoded_by_their_types() -> None:
    """Numbers, lists and booleans arrive as text and leave as what they are."""
    settings = load(
        Example, {"CASHBACK_DSN": "x", "CASHBACK_PORT": "80", "CASHBACK_URLS": "a, b", "CASHBACK_IS_VERBOSE": "true"}
    )
    assert settings == Example(dsn=Secret("x"), port=80, urls=("a", "b"), is_verbose=True)


def test_a_list_is_held_to_its_bounds() -> None:
    """An annotated list is split at commas first and judged afterwards."""
    with pytest.raises(SettingsInvalid, match="CASHBACK_URLS"):
        load(Example, {"CASHBACK_DSN": "x", "CASHBACK_PORT": "80", "CASHBACK_URLS": "a,b,c"})


def test_every_problem_is_listed_at_once() -> None:
    """A person fixes a configuration in one go, not one message at a time."""
    with pytest.raises(SettingsInvalid) as caught:
        load(Example, {"CASHBACK_PORT": "eighty"})
    assert [line.split()[0] for line in caught.value.problems] == ["CASHBACK_DSN", "CASHBACK_PORT"]


def test_a_secret_never_shows() -> None:
    """Neither the secret's nor the settings' repr tells it, nor how long it is."""
    settings = load(Example, {"CASHBACK_DSN": "hunter2", "CASHBACK_PORT": "1"})
    assert "hunter2" not in repr(settings)
    assert repr(settings.dsn) == "Secret('***')"


def test_a_setting_may_stand_in_a_file(tmp_path: Path) -> None:
    """`NAME_FILE` points to a file, as orchestrators mount secrets; the trailing newline is not part of it."""
    place = tmp_path / "dsn"
    place.write_text("postgresql://x\n", encoding="utf-8")
    settings = load(Example, {"CASHBACK_DSN_FILE": str(place), "CASHBACK_PORT": "1"})
    assert settings.dsn.value == "postgresql://x"


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    """It is told as what it is, and not a second time as a missing setting."""
    with pytest.raises(SettingsInvalid) as caught:
        load(Example, {"CASHBACK_DSN_FILE": str(tmp_path / "absent"), "CASHBACK_PORT": "1"})
    assert len(caught.value.problems) == 1
