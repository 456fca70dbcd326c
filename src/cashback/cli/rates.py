"""`cashback rates`: what a unit of one currency is worth in another, exactly."""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from msgspec import UNSET

from cashback.cli.api import api, ask, idempotency_option, limit_option, print_answer, print_page
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records
from cashback.kernel.errors import Invalid, Rejected

if TYPE_CHECKING:
    from cashback.client.api.structs import RateBody

ROWS_MAX: Final = 10_000
COLUMNS: Final = ("base", "quote", "rate", "source", "as_of")
_DIGITS_MAX: Final = 30


class RateFileInvalid(Invalid):
    """The file is no table of rates."""

    code = "rate_file_invalid"


class RateNumberInvalid(Invalid):
    """What is given as a rate is no number."""

    code = "rate_number_invalid"


@click.group()
def rates() -> None:
    """Put, list and import exchange rates.

    Example: cashback rates list --base EUR
    """


@rates.command(short_help="Put an exchange rate.")
@click.argument("base")
@click.argument("quote")
@click.argument("rate")
@click.option("--source", required=True, help="Who says so.")
@click.option("--as-of", help="RFC 3339 with an offset; now when left out.")
@click.option("--confirmed", is_flag=True, help="It is meant, though far from the one before.")
@idempotency_option
@json_option
def put(  # click hands options over by name
    base: str,
    quote: str,
    rate: str,
    source: str,
    as_of: str | None,
    confirmed: bool,  # noqa: FBT001  # as above
    key: str,
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Have one unit of BASE be worth RATE units of QUOTE from an instant on: a decimal number, or a ratio like 27/25.

    Example: cashback rates put EUR USD 1.0850 --source ECB
    """
    from cashback.client.api import exchange_rates

    body = _body({"base": base, "quote": quote, "rate": rate, "source": source, "as_of": as_of or ""})
    if confirmed:
        body = msgspec.structs.replace(body, is_confirmed=True)
    print_answer("rate", ask(exchange_rates.put_rate(body, idempotency_key=key)), as_json=as_json)


@rates.command("list", short_help="List rates, the last put first.")
@click.option("--base", help="Only rates of one unit of this currency.")
@click.option("--quote", help="Only rates in this currency.")
@limit_option
@json_option
def list_rates(base: str | None, quote: str | None, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List rates, the last put first.

    Example: cashback rates list --base EUR --quote USD
    """
    from cashback.client.api import exchange_rates

    call = exchange_rates.list_rates(base=base or None, quote=quote or None, limit=limit)
    print_page("rates", call, limit=limit, as_json=as_json)


@rates.command(short_help="Show the rate in force at an instant.")
@click.argument("base")
@click.argument("quote")
@click.option("--at", required=True, help="RFC 3339 with an offset.")
@json_option
def show(base: str, quote: str, at: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show what one unit of BASE is worth in QUOTE at an instant: the rate that a purchase of then is converted by.

    Example: cashback rates show EUR USD --at 2026-11-01T00:00:00Z
    """
    from cashback.client.api import exchange_rates

    print_answer("rate", ask(exchange_rates.show_rate(base=base, quote=quote, at=at)), as_json=as_json)


@rates.command("import", short_help="Put the rates of a CSV file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@json_option
def import_rates(file: Path, as_json: bool) -> int:  # noqa: FBT001  # as above
    """Put the rates of a CSV file with the columns base, quote, rate, source, as_of; again it puts nothing twice.

    A row that is refused is reported with its line and the rest goes on; then the exit code is 3.

    Example: cashback rates import rates.csv
    """
    from cashback.client.api import exchange_rates

    refused = []
    put = {True: 0, False: 0}
    with api() as client:
        for line, row in _rows(file):
            # The content names the command: the same row again, in whatever file, is the same command.
            key = "rate-" + hashlib.sha256("\n".join(row[name] for name in COLUMNS).encode()).hexdigest()
            try:
                answer = client.answer(exchange_rates.put_rate(_body(row), idempotency_key=key))
                put[not answer.is_replay] += 1
            except Rejected as problem:
                refused.append({"line": line, "problem": f"{problem.code}: {problem.detail}"})
    if as_json:
        print_json({"put": put[True], "put_before": put[False], "refused": refused})
    else:
        print_facts(file.name, {"put now": put[True], "put before": put[False], "refused": len(refused)})
        if refused:
            print_records("refused", refused, as_json=False)
    return EXIT_DIFFERENCE if refused else 0


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield the rows of a file with the numbers of their lines.

    Raises:
        RateFileInvalid: it is no CSV in UTF-8 with these columns, or has too many rows.
    """
    try:
        with file.open(encoding="utf-8", newline="") as text:
            table = csv.DictReader(text, strict=True)
            if tuple(table.fieldnames or ()) != COLUMNS:
                raise RateFileInvalid(f"the columns are {', '.join(COLUMNS)}")
            for number, row in enumerate(table, start=1):
                if number > ROWS_MAX:
                    raise RateFileInvalid(f"a file has at most {ROWS_MAX} rates")
                if None in row or None in row.values():
                    raise RateFileInvalid(f"line {table.line_num} has another number of fields")
                yield table.line_num, row
    except (UnicodeDecodeError, csv.Error) as cause:
        raise RateFileInvalid("the file is no CSV in UTF-8") from cause


def _body(row: Mapping[str, str]) -> "RateBody":
    """Return the body of one rate, its number as an exact ratio.

    Raises:
        RateNumberInvalid: the number is none.
    """
    from cashback.client.api.structs import RateBody

    wanted = "a rate is a decimal number or a ratio of whole numbers"
    # Bounded before it is read: 1e999999 is a short text and a number of a million digits.
    if len(row["rate"]) > _DIGITS_MAX or "e" in row["rate"].lower():
        raise RateNumberInvalid(wanted)
    try:
        ratio = Fraction(row["rate"])
    except (ValueError, ZeroDivisionError) as cause:
        raise RateNumberInvalid(wanted) from cause
    return RateBody(
        base=row["base"],
        quote=row["quote"],
        source=row["source"],
        numerator=ratio.numerator,
        denominator=ratio.denominator,
        as_of=row["as_of"] or UNSET,
    )
