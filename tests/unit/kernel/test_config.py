"""Settings: every problem at once, secrets masked, files for what must not stand in the environment."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from cashback.kernel.config import HostPort, HttpUrl, NatsUrl, Secret, SettingsInvalid, load
from cashback.kernel.wanted import UNIT


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


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every type there is."""

    wait_ms: Annotated[int, msgspec.Meta(ge=150, le=4_000)] = 150
    keep_days: Annotated[int, msgspec.Meta(ge=7)] = 7
    room_bytes_max: int = 0
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    copies: Annotated[int, msgspec.Meta(ge=1, le=5)] | Literal["auto"] = "auto"
    level: Literal["debug", "info"] = "info"
    is_open: bool = False
    names: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=2)] = ("one",)
    worth: Annotated[int, msgspec.Meta(extra={UNIT: "units"})] = 0


@pytest.mark.parametrize(
    "setting, told",
    [
        ("WAIT_MS=hunter2", "a whole number of milliseconds from 150 to 4000, and is no whole number"),
        ("WAIT_MS=149", "a whole number of milliseconds from 150 to 4000, and is less"),
        ("WAIT_MS=4_000", "a whole number of milliseconds from 150 to 4000, and is no whole number"),
        ("WAIT_MS=4001", "a whole number of milliseconds from 150 to 4000, and is more"),
        ("KEEP_DAYS=-1", "a whole number of days from 7 on, and is less"),
        ("ROOM_BYTES_MAX=4 GiB", "a whole number of bytes, and is no whole number"),
        ("SHARE=nan", "a number from 0 to 1, and is no number"),
        ("SHARE=1.5", "a number from 0 to 1, and is more"),
        ("COPIES=hunter2", "a whole number from 1 to 5, or auto"),
        ("LEVEL=hunter2", "debug or info"),
        ("IS_OPEN=hunter2", "true or false"),
        ("NAMES=hunter2,hunter2,hunter2", "a list of 1 to 2, separated by commas"),
        ("WORTH=much", "a whole number of units, and is no whole number"),
    ],
)
def test_what_a_setting_must_be_is_told_in_words_with_unit_and_bounds(setting: str, told: str) -> None:
    """And how it differs, of a number; never what is there, which may have been meant for another variable."""
    name, _, value = f"CASHBACK_{setting}".partition("=")
    with pytest.raises(SettingsInvalid) as caught:
        load(Numbers, {name: value})
    assert caught.value.problems == [f"{name} is wrong: it must be {told}"]
    assert caught.value.missing == ()


def test_what_is_missing_is_named_apart_from_what_is_wrong() -> None:
    """Whoever helps a person on has to tell the two apart."""
    with pytest.raises(SettingsInvalid) as caught:
        load(Example, {"CASHBACK_PORT": "eighty"})
    assert caught.value.missing == ("CASHBACK_DSN",)


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
    """It is told as what it is, in words of no library, and not a second time as a missing setting."""
    absent, binary = tmp_path / "absent", tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for place, words in ((absent, f"{absent}: No such file or directory"), (binary, f"{binary} is no text in UTF-8")):
        with pytest.raises(SettingsInvalid) as caught:
            load(Example, {"CASHBACK_DSN_FILE": str(place), "CASHBACK_PORT": "1"})
        assert caught.value.problems == [f"CASHBACK_DSN_FILE cannot be read: {words}"]


def test_an_empty_variable_does_not_hide_its_file(tmp_path: Path) -> None:
    """What is empty is not set, be it the variable or the name of the file."""
    place = tmp_path / "dsn"
    place.write_text("postgresql://x\n", encoding="utf-8")
    settings = load(Example, {"CASHBACK_DSN": "", "CASHBACK_DSN_FILE": str(place), "CASHBACK_PORT": "1"})
    assert settings.dsn.value == "postgresql://x"
    with pytest.raises(SettingsInvalid) as caught:
        load(Example, {"CASHBACK_DSN_FILE": "", "CASHBACK_PORT": "1"})
    assert caught.value.problems == ["CASHBACK_DSN is required"]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where others are."""

    one: HostPort = ""
    web: HttpUrl = ""
    broker: NatsUrl = ""


@pytest.mark.parametrize(
    "setting",
    [
        "ONE=host:0",
        "ONE=host:99999",
        "ONE=host:655360",
        "WEB=https://host:65536/path",
        "BROKER=nats://user:7@host:70000",
    ],
)
def test_a_port_that_cannot_exist_is_refused_when_it_is_read(setting: str) -> None:
    """And not when something is to be reached there."""
    name, _, value = f"CASHBACK_{setting}".partition("=")
    with pytest.raises(SettingsInvalid) as caught:
        load(Places, {name: value})
    assert caught.value.problems == [f"{name} is wrong: a port is a number from 1 to 65535"]


@pytest.mark.parametrize(
    "setting",
    [
        *("ONE=host:1", "ONE=10.0.0.1:65535", "WEB=https://host", "WEB=http://[::1]:8545", "WEB=http://[::1]/v3:99999"),
        *(
            "WEB=https://user:99999@host/v3/key?x=a:99999",
            "WEB=http://host:8080?x",
            "BROKER=tls://user:99999@host:4222",
        ),
    ],
)
def test_a_colon_that_is_before_no_port_is_none_of_its_business(setting: str) -> None:
    """Passwords, paths, queries and IPv6 addresses have colons of their own."""
    name, _, value = f"CASHBACK_{setting}".partition("=")
    assert value in msgspec.structs.astuple(load(Places, {name: value}))


class Both(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that may contradict each other."""

    least: int
    most: int = 10

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield that there is nothing in between."""
        if "least" not in settings:
            yield "nobody knows"
        elif settings["least"] > settings.get("most", 0):
            yield "CASHBACK_LEAST is above CASHBACK_MOST"


def test_what_contradicts_is_listed_with_what_is_missing_or_wrong() -> None:
    """The check sees defaults, and not what is wrong already."""
    for environ, problems in (
        ({"CASHBACK_LEAST": "11"}, ["CASHBACK_LEAST is above CASHBACK_MOST"]),
        ({"CASHBACK_MOST": "x"}, ["CASHBACK_LEAST is required", "CASHBACK_MOST is wrong", "nobody knows"]),
    ):
        with pytest.raises(SettingsInvalid) as caught:
            load(Both, environ)
        assert [line.split(":")[0] for line in caught.value.problems] == problems
    assert load(Both, {"CASHBACK_LEAST": "10"}) == Both(least=10)
