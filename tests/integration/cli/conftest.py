"""One `cashback dev`, started as a person would, for every verb; stopped by Ctrl-C at the end, and nothing is left."""

import re
import secrets
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from cashback.cli import command
from cashback.kernel.addresses import checksum_address
from cashback.kernel.config import PREFIX, environment
from tests.integration.cli.launch import Launched, launched

STOPS_WITHIN_S: Final = 30.0
UP: Final = "press Ctrl-C to stop"


class Dev(msgspec.Struct, frozen=True):
    """A running `cashback dev`: how to ask it, and whom it has made."""

    launched: Launched
    folder: Path
    settings: Mapping[str, str]
    merchant_id: str
    user_id: str
    purchase_id: str


class Said(msgspec.Struct, frozen=True):
    """What a verb came to: its exit code, its results, and what it told a person."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Return its results as a program reads them."""
        return msgspec.json.decode(self.out)


Cashback = Callable[..., Said]
Ask = Callable[..., Any]


@pytest.fixture(scope="package")
def dev(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[Dev]:
    """Give the whole system."""
    home = tmp_path_factory.mktemp("dev")
    folder = home / "data of dev"  # a blank in it, which what is printed has to survive
    words = ("dev", "--folder", str(folder), "--block-time", "0.25")
    with launched(home, *words, settings={"CASHBACK_ANVIL": str(anvil_program)}) as running:
        running.await_said(UP)
        ids = {kind: _first(rf"{kind}_[0-9a-z]{{26}}", running.printed) for kind in ("mer", "usr", "pur")}
        yield Dev(running, folder, settings_in(folder / "dev.env"), ids["mer"], ids["usr"], ids["pur"])
        running.tell(signal.SIGINT)
        assert running.ended(within_s=STOPS_WITHIN_S) == 0, running.said
        assert running.survivors() == []
        for log in (folder / "logs").iterdir():
            lines = log.read_text(encoding="utf-8").splitlines()
            # Not necessarily the last one: a pool that is closed afterwards may have something to say.
            assert any("process.stopped" in line for line in lines), f"{log.name} ends with {lines[-1]}"
            assert not any("process.cut_off" in line for line in lines), f"{log.name} tells of a process cut off"


@pytest.fixture
def cashback(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cashback:
    """Give a way to run a verb in this process, with these settings and no others."""

    def run(*arguments: str, settings: Mapping[str, str], **changes: str) -> Said:
        for name in [name for name in environment() if name.startswith(PREFIX)]:
            monkeypatch.delenv(name)
        for name, value in {**settings, **changes}.items():
            monkeypatch.setenv(name, value)
        capfd.readouterr()
        code = command.run(arguments)
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return run


def settings_in(file: Path) -> dict[str, str]:
    """Return the variables that a file for a shell sets."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith(PREFIX)]
    return dict(shlex.split(line)[0].split("=", 1) for line in lines)


def _first(pattern: str, text: str) -> str:
    """Return the first thing in a text that looks so."""
    found = re.search(pattern, text)
    assert found is not None, text
    return found[0]


@pytest.fixture
def ask(dev: Dev, cashback: Cashback) -> Ask:
    """Give a way to run a reading verb with --json and to see what a program sees."""

    def run(*arguments: str, code: int = 0) -> Any:  # noqa: ANN401  # whatever the verb tells
        said = cashback(*arguments, "--json", settings=dev.settings)
        assert said.code == code, said.err + said.out
        return msgspec.json.decode(said.out)

    return run


@pytest.fixture
def customer_id(ask: Ask) -> str:
    """Give a user with a wallet, of this test alone: what they owe keeps no other test's tokens back."""
    wallet = checksum_address(f"0x{secrets.token_hex(20)}")
    return str(ask("user", "create", "--wallet", wallet)["id"])
