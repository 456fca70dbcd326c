"""A broken argument is an exit code and a sentence, never a traceback: every verb, every argument and option."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cashback.cli import command
from cashback.cli.clock import set_to
from cashback.kernel.clock import start_file
from cashback.kernel.instants import WANTED
from tests.unit.cli.test_help import LEAVES

NOWHERE = "127.0.0.1:1"
EVER = "9999-12-31T23:59:59-05:00"
BROKEN = ("", "²", "\x01", "9" * 40, "0001-01-01T00:00:00+14:00", "x" * 5_000)
SERVING = {("api",), ("relay",), ("worker", "mint"), ("worker", "ledger"), ("adapter",), ("dev",), ("demo",)}
RULES = b'"rules":[{"id":"a","campaign":"cmp_1","earns":{"kind":"percent","rate_bps":100}}]'
VERBS = {path: verb for path, verb in LEAVES.items() if path not in SERVING}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have verbs over REST call where nobody listens, and those with other settings find none."""
    monkeypatch.setenv("CASHBACK_API_URL", f"http://{NOWHERE}")
    monkeypatch.setenv("CASHBACK_API_KEY", "nobody")
    monkeypatch.setenv("CASHBACK_DEVELOPMENT", "true")
    monkeypatch.setenv("CASHBACK_CLOCK_PATH", str(tmp_path / "clock"))
    monkeypatch.chdir(tmp_path)
    start_file(tmp_path / "clock")


def sound(parameter: click.Parameter) -> str:
    """Return something that a parameter takes."""
    match parameter.type:
        case click.Choice():
            return str(parameter.type.choices[0])
        case click.IntRange():
            return str(parameter.type.min or 1)
        case _:
            return "1"


def lines(verb: click.Command) -> Iterator[tuple[str, list[str]]]:
    """Yield command lines that are sound but for one argument or option, with its name."""
    parameters = [one for one in verb.params if not (isinstance(one, click.Option) and one.is_flag)]
    for broken in parameters:
        for text in BROKEN:
            words: list[str] = []
            for one in parameters:
                told = text if one is broken else sound(one)
                if isinstance(one, click.Option) and (one.required or one is broken):
                    words += [f"{one.opts[0]}={told}"]
            # After `--` whatever begins with a dash is an argument.
            arguments = [one for one in parameters if isinstance(one, click.Argument)]
            yield str(broken.name), [*words, "--", *(text if one is broken else sound(one) for one in arguments)]


@pytest.mark.parametrize("path", sorted(VERBS), ids=" ".join)
def test_every_broken_argument_is_an_exit_code_and_a_sentence(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it is: refused here, or by whoever is asked, or never asked for want of settings."""
    for name, words in lines(VERBS[path]):
        code = command.run([*path, *words])
        said = capsys.readouterr()
        assert isinstance(code, int)
        assert code == 0 or said.err, (name, words)


@pytest.mark.parametrize("text", ["\udcff", "a\0b"])
def test_an_argument_that_is_no_text_is_named_by_its_place(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no UTF-8 come as lone surrogates: nobody can send, store or print them."""
    assert command.run(["programme", "show", text]) == 2
    assert capsys.readouterr().err == "Error: argument 3 is no text in UTF-8\n"


INSTANTS = [
    (path, one.opts[0])
    for path, verb in VERBS.items()
    for one in verb.params
    if isinstance(one, click.Option) and "RFC 3339" in str(one.help) and path[0] in ("ledger", "decisions", "replay")
]


@pytest.mark.parametrize("path,option", INSTANTS, ids=lambda one: one if isinstance(one, str) else " ".join(one))
@pytest.mark.parametrize("text", [EVER, "0001-01-01T00:00:00+14:00"])
def test_an_instant_out_of_range_is_a_wrong_command_line(
    path: tuple[str, ...], option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no API stands between: nobody is asked, and the range is told."""
    words = []
    for one in VERBS[path].params:
        if isinstance(one, click.Argument):
            words += ["usr_1"] if one.required else []
        elif one.opts[0] == option:
            words.append(f"{option}={text}")
        elif one.required:
            words.append(f"{one.opts[0]}=2026-01-01T00:00:00Z")
    assert command.run([*path, *words]) == 2
    assert WANTED in capsys.readouterr().err


def test_time_is_moved_to_no_instant_out_of_range(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor by a span that is longer than any, on top of another."""
    assert set_to.name == "set"
    for words in (("set", EVER), ("set", "0001-01-01T00:00:00+14:00")):
        assert command.run(["clock", *words]) == command.EXIT_REJECTED
        assert WANTED in capsys.readouterr().err
    assert command.run(["clock", "advance", "1d"]) == 0
    for span in ("999999999d", "142857142w", "3650d"):
        assert command.run(["clock", "advance", span]) == command.EXIT_REJECTED
        assert "at most 3650 days ahead" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content,words",
    [
        pytest.param(b"{", "rules.json is not well-formed JSON in UTF-8", id="cut-off"),
        pytest.param(b"\xff", "rules.json is not well-formed JSON in UTF-8", id="not-utf-8"),
        pytest.param(b"", "rules.json is not well-formed JSON in UTF-8", id="empty"),
        pytest.param(b"{" + RULES + b"," + RULES + b"}", "rules.json names the member rules twice", id="twice"),
        pytest.param(b"[]", "rules.json is no ruleset: Expected `object`, got `array` (the document)", id="a-list"),
        pytest.param(b"[" * 60_000, "rules.json is no", id="brackets"),
        pytest.param(b" " * (4 << 20) + b"{}", "rules.json is no ruleset: it has more than 4 MiB", id="endless"),
        pytest.param(
            json.dumps({"rules": [{"id": "a\0b"}]}).encode(), "rules.json is no ruleset: ", id="not-to-be-stored"
        ),
    ],
)
@pytest.mark.parametrize("verb", ["lint", "draft", "diff"])
def test_a_broken_ruleset_is_called_by_its_file_s_name(
    verb: str, content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody who names a file has sent a body."""
    (tmp_path / "rules.json").write_bytes(content)
    more = {"lint": [], "draft": ["--programme", "prg_1"], "diff": ["rules.json"]}[verb]
    assert command.run(["ruleset", verb, "rules.json", *more]) == command.EXIT_REJECTED
    said = capsys.readouterr().err
    assert words in said
    assert "the body" not in said


def test_a_file_that_cannot_be_read_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It is there, and its bytes are not to be had."""
    assert command.run(["ruleset", "lint", "/proc/self/mem"]) == 2
    assert "mem cannot be read: " in capsys.readouterr().err
