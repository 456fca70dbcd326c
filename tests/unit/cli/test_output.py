"""What the command line shows: whole where it is copied, aligned where it is compared."""

import io
import json
import sys
from collections.abc import Callable

import pytest

from cashback.cli.output import amounts, print_commands, print_facts, print_json, print_records, print_table, tokens

HASH = "0x" + "5f" * 32
Show = Callable[..., str]


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Give a way to print a table on a terminal of some width."""

    class Terminal(io.StringIO):
        """Something that says it is a terminal."""

        def isatty(self) -> bool:
            return True

    def show(columns: int, *table: object) -> str:
        terminal = Terminal()
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr(sys, "stdout", terminal)
        print_table(*table)  # type: ignore[arg-type]  # handed through
        return terminal.getvalue()

    return show


@pytest.mark.parametrize(
    "units, shown",
    [
        (0, "0.000000 CBK"),
        (1, "0.000001 CBK"),
        (774_120_000, "774.120000 CBK"),
        (12_161_260_000, "12,161.260000 CBK"),
        (2**63 - 1, "9,223,372,036,854.775807 CBK"),
    ],
)
def test_tokens_are_shown_exactly_with_six_decimals(units: int, shown: str) -> None:
    """By integers alone: the largest amount keeps its last digit."""
    assert tokens(units) == shown
    assert amounts(units) == (f"{units:,}", shown)


def test_what_a_program_reads_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """No records are an empty array, and not a sentence."""
    print_records("mints", [], as_json=True)
    assert json.loads(capsys.readouterr().out) == []
    print_json({"amount": "9223372036854775807"})
    assert json.loads(capsys.readouterr().out) == {"amount": "9223372036854775807"}


def test_no_records_are_said_as_such_and_leave_standard_output_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table would look like a mistake."""
    print_records("mints", [], as_json=False)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "· mints: none\n")


def test_a_table_without_a_terminal_holds_everything_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever greps for a hash finds it, however many columns there are."""
    print_records("mints", [{"transaction": HASH, "why": "a sentence " * 30, "empty": None}] * 2, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert sum(HASH in line and ("a sentence " * 30).strip() in line for line in lines) == 2
    assert "empty" not in "".join(lines)


@pytest.mark.parametrize("columns", [100, 160])
def test_a_table_on_a_terminal_fits_it(columns: int, on_terminal: Show) -> None:
    """Hashes are cut, sentences folded, numbers and short words never."""
    rows = [(1_234_567, "mint_requested", HASH, "the chain refused it because of " * 4, "1,460.000000 CBK")] * 3
    shown = on_terminal(columns, "mints", ("number", "state", "transaction", "reason", "tokens"), rows)
    lines = shown.splitlines()
    assert max(len(line) for line in lines) <= columns
    assert sum("1234567" in line and "mint_requested" in line and "1,460.000000 CBK" in line for line in lines) == 3
    assert "…" in shown
    assert shown.count("because") == 12


def test_facts_and_commands_are_never_folded(capsys: pytest.CaptureFixture[str]) -> None:
    """They are there to be copied."""
    print_facts("here", {"key": HASH * 3, "is_stale": False, "failure": None})
    print_commands("try", {f"cashback mint list \\\n  --after {HASH}": "what became of each"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [f"  key       {HASH * 3}", "  is_stale  no", "  failure"]
    assert lines[-2:] == ["  cashback mint list \\", f"    --after {HASH}"]


def test_an_instant_in_a_table_is_told_to_the_second(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has it whole; a column of microseconds only hides the other columns."""
    print_table("timeline", ("at",), [("2026-11-23T00:17:23.419061Z",), ("2026-11-23 00:17:24+00:00",)])
    assert capsys.readouterr().out.split()[-4:] == ["2026-11-23", "00:17:23", "2026-11-23", "00:17:24"]
