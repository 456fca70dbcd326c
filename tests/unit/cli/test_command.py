"""Exit codes: the documented number for each kind of failure, and one line that says what to change."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import pytest

from cashback.cli import command
from cashback.cli.command import VERBS, root
from cashback.kernel.config import SettingsInvalid
from cashback.kernel.errors import Broken, Conflict, Invalid, NotFound, Unavailable

Fail = Callable[[BaseException], None]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Give a way to have the verb `api` fail with something."""
    verb = root.get_command(click.Context(root), "api")

    def plant(error: BaseException) -> None:
        def raise_it(**_: Any) -> None:  # noqa: ANN401  # whatever the verb takes
            raise error

        monkeypatch.setattr(verb, "callback", raise_it)

    return plant


@pytest.mark.parametrize(
    "error, code",
    [
        (click.UsageError("no such option"), 2),
        (Invalid("the amount is negative"), 4),
        (NotFound("there is no such purchase"), 4),
        (Conflict("the key is busy"), 4),
        (Unavailable("the database did not answer"), 5),
        (SettingsInvalid(["CASHBACK_API_DSN is required"]), 6),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else str(each),
)
def test_each_kind_of_failure_has_its_exit_code(
    error: BaseException, code: int, fail: Fail, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts go by the number, people by the line on standard error; nothing is on standard output."""
    fail(error)
    assert command.run(["api"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert (str(error) in said.err) or not str(error)


@pytest.mark.parametrize("error", [Broken("debits differ from credits"), ZeroDivisionError()])
def test_what_nobody_foresaw_is_raised_with_its_traceback(error: Exception, fail: Fail) -> None:
    """The interpreter shows where it was, and exits with 1."""
    fail(error)
    with pytest.raises(type(error)):
        command.run(["api"])


def test_every_exit_code_is_in_the_table_of_the_module() -> None:
    """The table is what the documents repeat."""
    codes = {value for name, value in vars(command).items() if name.startswith("EXIT_")}
    assert all(f"\n| {code:<9} |" in (command.__doc__ or "") for code in codes | {0, 1, 2})


def test_help_needs_no_setting_and_loads_no_verb() -> None:
    """It is the first thing one asks for."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cashback", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name in told.stdout for name in VERBS)
    assert "cashback.cli.run" not in told.stderr


def test_a_reader_that_leaves_early_is_no_failure_of_ours() -> None:
    """`cashback ... | head -1` shows no traceback, and tells by its code that not all was read."""
    program = (
        "import sys, click; from cashback.cli import command\n"
        "def verb(**_):\n  [click.echo('x' * 1000) for _ in range(10_000)]\n"
        "command.root.get_command(click.Context(command.root), 'api').callback = verb\n"
        "sys.exit(command.run(['api']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdout.readline()
        writer.stdout.close()
        assert writer.stderr.read() == ""
        assert writer.wait(20) == command.EXIT_UNFORESEEN


@pytest.mark.parametrize(
    "words, meant", [(("purchas",), "'purchase'"), (("purchas", "show"), "'purchase'"), (("purchase", "shw"), "'show'")]
)
def test_a_verb_that_is_misspelt_has_the_nearest_ones_named(
    words: tuple[str, ...], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the table as within a group."""
    assert command.run(words) == 2
    said = capsys.readouterr().err
    assert f"No such command '{words[-1] if meant == repr('show') else words[0]}'" in said
    assert f"Did you mean {meant}" in said


def test_of_a_verb_that_is_like_no_other_only_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And an option that there is not is told as such, not as a verb."""
    assert command.run(["zzzzzzzz"]) == 2
    said = capsys.readouterr().err
    assert "No such command 'zzzzzzzz'." in said
    assert "Did you mean" not in said
    assert command.run(["--nothing"]) == 2
    assert "No such option" in capsys.readouterr().err


def test_the_release_is_told() -> None:
    """Installed or not, asking for it never fails."""
    told = subprocess.run([sys.executable, "-m", "cashback", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("cashback")


def test_whoever_wants_to_see_no_run_is_refused_and_has_none_made() -> None:
    """`--last 0` is a wrong command line; without a number it is ten runs, and left out it is a comparison."""
    reconcile = root.get_command(click.Context(root), "reconcile")
    assert reconcile is not None
    with pytest.raises(click.BadParameter, match="range"):
        reconcile.make_context("reconcile", ["--last", "0"])
    asked = [reconcile.make_context("reconcile", list(words)).params["last"] for words in (("--last",), ())]
    assert asked == [10, None]
