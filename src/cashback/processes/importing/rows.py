"""A CSV file, line by line: each is a row or the problem with it, and no line spoils another.

| column         | holds                                                                                       |
|----------------|---------------------------------------------------------------------------------------------|
| `reference`    | the merchant's own name of the purchase, 1 to 200 characters; unique per merchant           |
| `user`         | the user's id (`usr_...`), or the operator's own name of the user                           |
| `occurred_at`  | RFC 3339 with its offset: `1997-01-18T00:00:00Z`                                            |
| `amount_minor` | a whole number of minor units: 2973 is 29.73 of a currency with cents                       |
| `currency`     | ISO 4217: `USD`                                                                             |
| `wallet`       | may be absent or empty: the EIP-55 address of a user who is created                         |

UTF-8 with or without a byte order mark, commas, LF or CRLF, columns in any order; others than these are not read.
Fields may be quoted (RFC 4180), but a row is one line: a line break inside quotes makes lines that cannot be read, each
reported, and the next row is read as ever. So a quote too many costs one row and not the rest of the file.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec

from cashback.kernel.errors import Invalid
from cashback.kernel.money import AMOUNT_PATTERN, CURRENCY_PATTERN, WANTED

COLUMNS: Final = ("reference", "user", "occurred_at", "amount_minor", "currency")
OPTIONAL_COLUMNS: Final = ("wallet",)
LINE_BYTES_MAX: Final = 4_096
"""Longer lines are no rows; six fields of the greatest lengths take less."""

_CHUNK_BYTES: Final = 1 << 20
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SHOWN_MAX: Final = 40
_PLACE: Final = re.compile(r"at `\$\.(?P<column>[a-z_]+)`")
_WANTED: Final = {
    "reference": "1 to 200 characters",
    "user": "1 to 200 characters",
    "occurred_at": "a time of RFC 3339 with its offset, such as 1997-01-18T00:00:00Z",
    "amount_minor": WANTED[AMOUNT_PATTERN],
    "currency": WANTED[CURRENCY_PATTERN],
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row that could be read, with its line in the file (the header is line 1)."""

    line: int
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    amount_minor: Annotated[str, msgspec.Meta(pattern=AMOUNT_PATTERN)]
    currency: str
    wallet: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not recorded, and why."""

    line: int
    code: str
    detail: str


class FileUnreadable(Invalid):
    """The file is no CSV file with the documented columns."""

    code = "file_unreadable"


class RowUnreadable(Invalid):
    """A line says no purchase."""

    code = "row_unreadable"


def count_rows(path: Path) -> int | None:
    """Return about how many rows follow the header, for a progress bar; None for what can be read only once."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return max(sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(_CHUNK_BYTES), b"")), 1) - 1


def rows_of(path: Path) -> Iterator[Row | Problem]:
    """Yield each row in order; one that cannot be read is a problem with its line. Blank lines are nothing.

    Raises:
        FileUnreadable: a documented column is missing or there twice, or the file is no text.
    """
    with path.open("rb") as file:
        header = _header(path.name, _line(file))
        number = 1
        while (line := _line(file)) != b"":
            number += 1
            if line is None or line.strip():
                yield _row(number, header, line)


def _line(file: BinaryIO) -> bytes | None:
    """Return the next line with its ending, nothing at the end of the file, and None for a line that is too long."""
    line = file.readline(LINE_BYTES_MAX)
    if len(line) < LINE_BYTES_MAX or line.endswith(b"\n"):
        return line
    while line and not line.endswith(b"\n"):
        line = file.readline(_CHUNK_BYTES)
    return None


def _header(name: str, line: bytes | None) -> list[str]:
    """Return the names of the columns.

    Raises:
        FileUnreadable: they are not those of a file of purchases.
    """
    if line == b"":
        raise FileUnreadable(f"{name} is empty; its first line has to name the columns {', '.join(COLUMNS)}")
    try:
        header = [column.strip() for column in _fields((line or b"").removeprefix(_BYTE_ORDER_MARK))]
    except (UnicodeDecodeError, csv.Error) as cause:
        raise FileUnreadable(f"{name} does not begin with a line of text: {cause}") from cause
    if missing := [column for column in COLUMNS if column not in header]:
        raise FileUnreadable(f"{name} has no column {', '.join(missing)} in its first line, separated by commas")
    if twice := [column for column in (*COLUMNS, *OPTIONAL_COLUMNS) if header.count(column) > 1]:
        raise FileUnreadable(f"{name} has more than one column {', '.join(twice)}")
    return header


def _row(number: int, header: Sequence[str], line: bytes | None) -> Row | Problem:
    """Return one line of the file as a row, or what is wrong with it."""
    try:
        values = _values(header, line)
    except RowUnreadable as error:
        return Problem(line=number, code=error.code, detail=error.detail)
    try:
        return msgspec.convert(values | {"line": number}, Row)
    except msgspec.ValidationError as error:
        return Problem(line=number, code=RowUnreadable.code, detail=_sentence(str(error), values))


def _values(header: Sequence[str], line: bytes | None) -> dict[str, str]:
    """Return what a line says, by column and without surrounding blanks; what is empty is left out.

    Raises:
        RowUnreadable: it has not as many fields as the header, or they are no text.
    """
    if line is None:
        raise RowUnreadable(f"the line is longer than {LINE_BYTES_MAX:,} bytes")
    try:
        fields = _fields(line)
    except UnicodeDecodeError as cause:
        raise RowUnreadable("the line is no UTF-8") from cause
    except csv.Error as cause:
        raise RowUnreadable(f"{cause}; a row is one line") from cause
    if len(fields) != len(header):
        raise RowUnreadable(f"{len(fields)} fields instead of {len(header)}")
    ours = (*COLUMNS, *OPTIONAL_COLUMNS)
    named = zip(header, (field.strip() for field in fields), strict=True)
    values = {name: value for name, value in named if value and name in ours}
    if unprintable := [name for name, value in values.items() if not value.isprintable()]:
        raise RowUnreadable(f"{', '.join(unprintable)} must be of printable characters")
    return values


def _fields(line: bytes) -> list[str]:
    """Return the fields of a line.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
        csv.Error: its quotes do not match.
    """
    return next(csv.reader([line.decode().rstrip("\r\n")], strict=True), [])


def _sentence(error: str, values: dict[str, str]) -> str:
    """Return what is wrong with a field in the words of the person who made the file."""
    if (found := _PLACE.search(error)) is None:
        missing = [column for column in COLUMNS if column not in values]
        return f"{', '.join(missing)} must not be empty" if missing else error
    column = found["column"]
    shown = values.get(column, "")
    shown = shown if len(shown) <= _SHOWN_MAX else f"{shown[:_SHOWN_MAX]}…"
    return f"{column} is not {_WANTED.get(column, 'valid')}: {shown}"
