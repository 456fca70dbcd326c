"""What the command line shows: whole where it is copied, aligned where it is compared."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from cashback.cli.output import amounts, print_commands, print_facts, print_json, print_records, print_table, tokens
from cashback.minting.model import MintState
from tests.unit.cli.conftest import OnTerminal

HASH = "0x" + "5f" * 32
Show = Callable[..., str]


@pytest.fixture
def shown(on_terminal: OnTerminal) -> Show:
    """Give a way to print a table on a terminal of some width."""
    return lambda columns, *table: on_terminal(columns, lambda: print_table(*table))


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


WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("columns", [90, 120])
def test_a_sentence_is_wrapped_where_all_else_fits_the_terminal(columns: int, shown: Show) -> None:
    """Numbers, headings and short words stand whole in their line; so does an id."""
    rows = [(1_234_567, "mint_requested", "pur_01m82sq578eyzt64gm2avbfgbt", "the chain refused it because of " * 4)] * 3
    lines = shown(columns, "mints", ("number", "state", "purchase", "reason"), rows).splitlines()
    assert max(map(len, lines)) <= columns
    assert sum("1234567" in line and "mint_requested" in line and "pur_01m82sq5" in line for line in lines) == 3
    assert sum("number" in line and "reason" in line for line in lines) == 1
    assert " ".join(lines).count("because") == 12
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_that_does_not_fit_becomes_a_block_for_each_row(columns: int, shown: Show) -> None:
    """What is copied is whole in one line, beside its name or below it; what is empty is not told."""
    transaction = ["  transaction", f"    {HASH}"] if columns == 80 else [f"  transaction  {HASH}"]
    rows = [
        (1, "cb_01m82sq57aevhveq2bjmtfsr85", WALLET, HASH, "12.000000 CBK", None),
        (2, "cb", WALLET, HASH, "", "why"),
    ]
    told = shown(columns, "mints", ("number", "cashback", "recipient", "transaction", "tokens", "reason"), rows)
    assert told.splitlines() == [
        "mints",
        "",
        "  number       1",
        "  cashback     cb_01m82sq57aevhveq2bjmtfsr85",
        f"  recipient    {WALLET}",
        *transaction,
        "  tokens       12.000000 CBK",
        "",
        "  number       2",
        "  cashback     cb",
        f"  recipient    {WALLET}",
        *transaction,
        "  reason       why",
        "",
    ]


def test_a_sentence_in_a_block_is_wrapped_between_words(shown: Show) -> None:
    """Under where it begins."""
    lines = shown(80, "found", ("id", "why"), [(HASH, "because of this " * 8)]).splitlines()
    assert lines[3].startswith("  why  because")
    assert lines[4].startswith("       ")
    assert max(map(len, lines)) <= 80


def test_an_id_inside_a_sentence_is_not_folded_either(shown: Show) -> None:
    """A word is as long as it is."""
    rows = [("a rather long name of a thing", f"it was sent in {HASH} and never seen again")]
    assert HASH in shown(80, "found", ("what", "detail"), rows)


@pytest.mark.parametrize("columns", [80, 120])
def test_the_demo_s_tables_fit_eighty_columns(columns: int, shown: Show) -> None:
    """Their headings and amounts are what one looks at."""
    rows = [("below_minor_unit", "6,919", "$15,550.56", "$774.12", *amounts(774_120_000))]
    lines = shown(columns, "all", ("decision", "purchases", "spent", "cashback", "base units", "tokens"), rows)
    assert any("774,120,000" in line and "774.120000 CBK" in line for line in lines.splitlines())


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


def test_a_narrow_terminal_breaks_headings_and_tells_instants_to_the_minute(shown: Show) -> None:
    """Before rows become blocks: what is compared stays in columns."""
    columns = ("purchase_reference", "attempts_so_far", "created_at", "expires_at", "amount_minor_left")
    rows = [("ref", 3, "2026-11-23T00:17:23Z", "2026-12-23T10:17:23Z", "1,999")]
    assert shown(80, "waiting", columns, rows).splitlines() == [
        "waiting",
        "",
        "             attempts_                                      amount_",
        "  purchase_        so_  created_          expires_           minor_",
        "  reference        far  at                at                   left",
        "  " + "─" * 65,
        "  ref                3  2026-11-23 00:17  2026-12-23 10:17    1,999",
        "",
    ]
    assert "2026-11-23 00:17:23" in shown(120, "waiting", columns, rows)


def test_a_title_is_wrapped_between_words(shown: Show) -> None:
    """With what is copied whole."""
    lines = shown(80, f"ledger and chain at final block 12345678, {HASH}", ("what",), [("x",)]).splitlines()
    assert lines[:2] == ["ledger and chain at final block 12345678,", HASH]


@pytest.mark.parametrize(
    "value,text",
    [
        (None, ""),
        (False, "no"),
        (0, "0"),
        ("", ""),
        (["token.minted", "purchase.refunded"], "token.minted, purchase.refunded"),
        (("purchases:read",), "purchases:read"),
        ([], ""),
        ([True, None, 5], "yes, , 5"),
        ({"days": 30, "cap": None, "is_open": True}, "days: 30, is_open: yes"),
        ({}, ""),
        (datetime(2026, 3, 1, 12, 0, 0, 419_061, tzinfo=UTC), "2026-03-01T12:00:00.419061Z"),
        (MintState.MINTED, "minted"),
        (b"\x5f\x01", "0x5f01"),
        ([{"rule": "base", "gone": None}], '[{"rule":"base","gone":null}]'),
        ({"earns": {"kind": "percent"}}, '{"earns":{"kind":"percent"}}'),
        (frozenset({Fraction(1, 3)}), '["1/3"]'),
    ],
)
def test_no_value_is_shown_as_python_writes_it(value: object, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists by commas, nothing as nothing, instants as the API has them; beside names as in cells."""
    print_facts("facts", {"name": value})
    assert capsys.readouterr().out == f"facts\n  name  {text}".rstrip() + "\n"
    print_records("records", [{"id": "x", "name": value}], as_json=False)
    cell = capsys.readouterr().out.splitlines()[4].partition("x")[2].strip()
    assert cell == (text if not isinstance(value, datetime) else "2026-03-01 12:00:00")
