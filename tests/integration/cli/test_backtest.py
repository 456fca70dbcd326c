"""`cashback ruleset backtest` on a running system: for programs, for people on a terminal, and for who asks wrongly."""

import os
import pty
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ
from typing import Any, Final

import msgspec
import pytest

from cashback.cli.command import EXIT_REJECTED
from cashback.kernel.config import PREFIX, environment
from tests.integration.cli.conftest import Ask, Cashback, Dev
from tests.integration.cli.test_rulesets import programme_of, written

COLUMNS: Final = 80
_CODES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_READ_BYTES: Final = 65_536


@pytest.fixture
def version(dev: Dev, ask: Ask) -> dict[str, Any]:
    """Give the first version of the programme in force, by which purchases were decided."""
    listed = ask("ruleset", "list", programme_of(dev.settings)["id"])
    return msgspec.convert(ask("ruleset", "show", listed[-1]["id"]), dict[str, Any])


def on_terminal(*words: str, settings: Mapping[str, str]) -> tuple[int, str]:
    """Return exit code and all that a command says on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        inherited.pop(name, None)
    env = {**inherited, **settings, "TERM": "xterm"}
    command = (sys.executable, "-m", "cashback", *words)
    with subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while data := os.read(ours, _READ_BYTES):
                said += data
        except OSError:  # the last one who could write to the terminal has ended
            pass
        finally:
            os.close(ours)
    return process.returncode, said.decode()


def test_the_rules_that_decided_and_a_draft_of_others_are_tried(
    dev: Dev, ask: Ask, version: dict[str, Any], tmp_path: Path
) -> None:
    """A version by its id, a draft of half its percentage, and the same as a file: told exactly, and nothing stored."""
    programme, decided = version["programme_id"], ask("decisions", "replay")["decisions"]
    same = ask("ruleset", "backtest", version["id"], "--workers", "1")
    assert int(same["recorded_minor"]) > 0
    assert same["purchases"] >= same["by_purchase"]["stay"] >= 1
    [rule] = version["document"]["rules"]
    half = {"kind": "percent", "rate_bps": rule["earns"]["rate_bps"] // 2}
    file = written(tmp_path / "half.json", campaign=rule["campaign"], earns=half)
    draft = ask("ruleset", "draft", file, "--programme", programme)
    tried = ask("ruleset", "backtest", draft["id"], "--workers", "2", "--limit", "1")
    assert 0 < int(tried["draft_minor"]) < int(same["draft_minor"])
    assert int(tried["difference_minor"]) == int(tried["draft_minor"]) - int(tried["recorded_minor"])
    assert (len(tried["largest_falls"]), len(tried["user_falls"])) == (1, 1)
    as_file = ask("ruleset", "backtest", file, "--programme", programme, "--limit", "1")
    assert {**as_file, "ruleset": draft["id"]} == tried
    assert ask("decisions", "replay") == {"decisions": decided, "different": 0, "differences": []}


def test_an_empty_history_costs_nothing(ask: Ask, version: dict[str, Any]) -> None:
    """Before anything was bought there is nothing to decide, and that is no failure."""
    story = ask("ruleset", "backtest", version["id"], "--until", "2000-01-01T00:00:00Z")
    assert (story["purchases"], story["recorded_minor"], story["draft_minor"]) == (0, "0", "0")
    assert (story["campaigns"], story["largest_rises"], story["user_falls"]) == ([], [], [])


@pytest.mark.parametrize(
    "words,code,said",
    [
        (("drf_01k9z3v6q8e2r9xw5t4c7m1n0p",), EXIT_REJECTED, "draft_unknown"),
        (("rul_01k9z3v6q8e2r9xw5t4c7m1n0p",), EXIT_REJECTED, "ruleset_unknown"),
        (
            ("{version}", "--from", "2026-02-01T00:00Z", "--until", "2026-01-01T00:00Z"),
            EXIT_REJECTED,
            "backtest_invalid: the window must end",
        ),
        (("{version}", "--programme", "prg_1"), 2, "name --programme with a file, and only then"),
        (("{version}", "--from", "yesterday"), 2, "--from"),
        (("{version}", "--limit", "101"), 2, "--limit"),
        (("{version}", "--workers", "17"), 2, "--workers"),
    ],
)
def test_what_cannot_be_tried_is_refused_with_its_place(
    words: tuple[str, ...], code: int, said: str, *, dev: Dev, cashback: Cashback, version: dict[str, Any]
) -> None:
    """Nobody's draft and version, a window reversed, and options that make no sense: a code, and no traceback."""
    told = cashback(
        "ruleset", "backtest", *(word.format(version=version["id"]) for word in words), settings=dev.settings
    )
    assert (told.code, told.out) == (code, ""), told.err
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_terminal_of_80_columns_sees_a_bar_and_every_table_whole(dev: Dev, version: dict[str, Any]) -> None:
    """The bar tells how many of how many are done, how many a second, and how long it will take yet."""
    code, said = on_terminal("ruleset", "backtest", version["id"], settings=dev.settings)
    plain = _CODES.sub("", said)
    assert code == 0, plain
    lines = [line for part in plain.splitlines() for line in part.split("\r")]
    assert max(map(len, lines)) <= COLUMNS, max(lines, key=len)
    bars = [line for line in lines if "deciding what was bought" in line]
    count = re.search(r"([0-9]+)/([0-9]+) +[0-9,]+/s +[0-9]:[0-9]{2}:[0-9]{2}$", bars[-1].rstrip())
    assert count is not None, bars
    assert count[1] == count[2] != "0"
    for title in ("backtest", "who", "campaigns", "reasons"):
        assert title in lines
    assert version["document"]["rules"][0]["campaign"] in plain


def test_elsewhere_there_is_no_bar(dev: Dev, cashback: Cashback, version: dict[str, Any]) -> None:
    """What is no terminal gets one sentence, and nothing that moves a cursor."""
    told = cashback("ruleset", "backtest", version["id"], settings=dev.settings)
    assert (told.code, told.err.count("deciding what was bought")) == (0, 1)
    assert told.err.startswith("· deciding what was bought\n")
    assert "\x1b" not in told.err + told.out
    assert "\r" not in told.err + told.out
    assert "/s" not in told.err
