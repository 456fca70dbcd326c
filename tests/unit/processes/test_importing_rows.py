"""Reading a CSV file of purchases: what is a row, what is a problem, and that no line spoils another."""

import re
from pathlib import Path

import pytest

from cashback.processes.importing import LINE_BYTES_MAX, FileUnreadable, Problem, Row, count_rows, rows_of

HEADER = b"reference,user,occurred_at,amount_minor,currency,note\n"
GOOD = b"r-1,alice,1997-01-18T00:00:00Z,2973,USD,\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a place for a file."""
    return tmp_path / "purchases.csv"


def read(file: Path, data: bytes) -> list[Row | Problem]:
    """Return what a file of these bytes says."""
    file.write_bytes(data)
    return list(rows_of(file))


def lines(entries: list[Row | Problem]) -> list[tuple[int, bool]]:
    """Return the line of each entry, and whether it is a row."""
    return [(entry.line, isinstance(entry, Row)) for entry in entries]


def detail(entry: Row | Problem) -> str:
    """Return what is wrong with a line."""
    assert isinstance(entry, Problem)
    assert entry.code == "row_unreadable"
    return entry.detail


def test_a_row_says_who_bought_what_and_when(file: Path) -> None:
    """Blanks around a field are nothing, and so is an empty field."""
    [row] = read(file, HEADER + b" r-1 , alice ,1997-01-18T02:00:00+02:00, 2973,USD,\n")
    assert isinstance(row, Row)
    assert (row.line, row.reference, row.user, row.amount_minor, row.wallet) == (2, "r-1", "alice", "2973", None)
    assert row.occurred_at.isoformat() == "1997-01-18T02:00:00+02:00"


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + HEADER + GOOD,
        (HEADER + GOOD).replace(b"\n", b"\r\n"),
        (HEADER + GOOD).rstrip(),
        HEADER + b"\n  \n\r\n" + GOOD + b"\n",
        b"currency,wallet,occurred_at,amount_minor,user,reference\nUSD,,1997-01-18T00:00:00Z,2973,alice,r-1\n",
        HEADER + b'"r-1","alice","1997-01-18T00:00:00Z","2973","USD","said ""thanks"", and left"\n',
    ],
    ids=["byte order mark", "CRLF", "no last line break", "blank lines", "other order", "quotes"],
)
def test_the_usual_shapes_of_csv_all_say_the_same(data: bytes, file: Path) -> None:
    """Whatever program wrote the file."""
    [row] = read(file, data)
    assert isinstance(row, Row)
    assert (row.reference, row.user, row.amount_minor, row.currency) == ("r-1", "alice", "2973", "USD")


@pytest.mark.parametrize(
    "data, told",
    [
        (b"", "is empty"),
        (b"\n" + HEADER, "has no column reference"),
        (b"reference;user;occurred_at;amount_minor;currency\n", "separated by commas"),
        (b"reference,user,occurred_at,amount_minor\n", "has no column currency"),
        (b"reference,user,user,occurred_at,amount_minor,currency\n", "more than one column user"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "does not begin with a line of text"),
        ("reference,user\n".encode("utf-16"), "does not begin with a line of text"),
        (b"\0" * 100_000, "has no column"),
    ],
    ids=["empty", "blank first line", "semicolons", "column missing", "column twice", "a picture", "UTF-16", "zeroes"],
)
def test_a_file_that_is_no_list_of_purchases_is_refused_whole(data: bytes, told: str, file: Path) -> None:
    """With what its first line should have been."""
    with pytest.raises(FileUnreadable, match=told):
        read(file, data)


@pytest.mark.parametrize(
    "line, told",
    [
        (b"r-2,alice,1997-01-18,2973,USD,", "occurred_at is not a time of RFC 3339 .*: 1997-01-18$"),
        (b"r-2,alice,1997-01-18T00:00:00,2973,USD,", "occurred_at is not a time"),
        (b"r-2,alice,1997-01-18T00:00:00Z,29.73,USD,", "amount_minor is not a whole number .*: 29.73$"),
        (b"r-2,alice,1997-01-18T00:00:00Z,-1,USD,", "amount_minor is not a whole number"),
        (b"r-2,alice,1997-01-18T00:00:00Z,007,USD,", "amount_minor is not a whole number"),
        (b"r-2,alice,1997-01-18T00:00:00Z,1e3,USD,", "amount_minor is not a whole number"),
        (b"r-2,,1997-01-18T00:00:00Z,2973,USD,", "user must not be empty"),
        (b",,,,,", "reference, user, occurred_at, amount_minor, currency must not be empty"),
        (b"r" * 201 + b",alice,1997-01-18T00:00:00Z,2973,USD,", "reference is not 1 to 200 characters: r{40}…$"),
        (b"r-2,alice,1997-01-18T00:00:00Z,2973", "4 fields instead of 6"),
        (b"r-2,alice,1997-01-18T00:00:00Z,2973,USD,a,b", "7 fields instead of 6"),
        (b"r-\xff,alice,1997-01-18T00:00:00Z,2973,USD,", "no UTF-8"),
        (b"r-2,al\0ice,1997-01-18T00:00:00Z,2973,USD,", "user must be of printable characters"),
        (b'"r-2,alice,1997-01-18T00:00:00Z,2973,USD,', "a row is one line"),
        (b'r-2,"al"ice,1997-01-18T00:00:00Z,2973,USD,', "a row is one line"),
        (b"x" * LINE_BYTES_MAX, "longer than 4,096 bytes"),
        (b"x" * 3_000_000, "longer than 4,096 bytes"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_and_its_neighbours_are_read(line: bytes, told: str, file: Path) -> None:
    """In words of the file, with the line's number, and never as more than one problem."""
    entries = read(file, HEADER + GOOD + line + b"\n" + GOOD)
    assert lines(entries) == [(2, True), (3, False), (4, True)]
    assert re.search(told, detail(entries[1]))


def test_a_line_break_inside_quotes_costs_its_own_row_only(file: Path) -> None:
    """Each of its lines is told, and the next row is read as ever."""
    entries = read(file, HEADER + GOOD + b'r-2,alice,1997-01-18T00:00:00Z,2973,USD,"two\nlines"\n' + GOOD)
    assert lines(entries) == [(2, True), (3, False), (4, False), (5, True)]
    assert "a row is one line" in detail(entries[1])


def test_a_quote_too_many_does_not_swallow_the_rest_of_the_file(file: Path) -> None:
    """A reader that believed in it would make one field of everything that follows."""
    entries = read(file, HEADER + b'r-2,"alice,1997-01-18T00:00:00Z,2973,USD,\n' + GOOD * 1_000)
    assert lines(entries) == [(2, False), *((line, True) for line in range(3, 1_003))]


@pytest.mark.parametrize(
    "data, rows", [(b"", 0), (HEADER, 0), (HEADER + GOOD, 1), (HEADER + GOOD * 3, 3)], ids=["empty", "none", "1", "3"]
)
def test_rows_are_counted_for_the_progress_bar(data: bytes, rows: int, file: Path) -> None:
    """By line breaks alone: it is a bar, and no promise."""
    file.write_bytes(data)
    assert count_rows(file) == rows


def test_what_can_be_read_only_once_is_not_counted() -> None:
    """Counting a pipe would leave nothing to import."""
    assert count_rows(Path("/dev/null")) is None
