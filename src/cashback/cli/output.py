"""What the command line shows: tables and progress bars for people, JSON for programs.

Results go to standard output, everything else to standard error, so that a pipe only ever sees results.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import click
import msgspec
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")

_AS_WIDE_AS_NEEDED: Final = 10_000
_SHORT: Final = 20
"""What is not longer is never cut or folded."""

_CUT_MIN: Final = 10
_WHOLE: Final = 10**TOKEN_DECIMALS
_INSTANT: Final = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")
_AMOUNT: Final = re.compile(rf"\$?[0-9][0-9,]*(\.[0-9]+)?( {TOKEN_SYMBOL})?")


def say(text: str) -> None:
    """Tell a person what happens now, on standard error."""
    click.echo(f"· {text}", err=True)


def tokens(units: int) -> str:
    """Return base units as a person reads them.

    >>> tokens(774_120_000)
    '774.120000 CBK'
    """
    return f"{units // _WHOLE:,}.{units % _WHOLE:0{TOKEN_DECIMALS}d} {TOKEN_SYMBOL}"


def amounts(units: int) -> tuple[str, str]:
    """Return base units in two columns: as digits, and as a person reads them."""
    return f"{units:,}", tokens(units)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table for people, on a terminal as wide as that, elsewhere as wide as its content.

    Where the terminal is too narrow, sentences are folded, and ids and hashes, which nobody reads, end in an ellipsis.
    """
    cells = [[_brief(cell) for cell in row] for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge = False
    for place, column in enumerate(columns):
        filled = [row[place] for row in cells if row[place]]
        if filled and all(_AMOUNT.fullmatch(text) for text in filled):
            table.add_column(column, justify="right", no_wrap=True)
        elif max(map(len, filled), default=0) <= _SHORT:
            table.add_column(column, no_wrap=True)
        elif any(" " in text for text in filled):
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column, overflow="ellipsis", min_width=_CUT_MIN)
    for row in cells:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else _AS_WIDE_AS_NEEDED
    Console(width=width, highlight=False, markup=False).print(table)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print names beside values under a heading, nothing folded: what is copied is copied whole."""
    width = max((len(name) for name in facts), default=0)
    click.echo(click.style(title, bold=True))
    for name, value in facts.items():
        click.echo(f"  {name:<{width}}  {_text(value)}".rstrip())


def print_commands(title: str, commands: Mapping[str, str]) -> None:
    """Print commands to copy, each on lines of its own under what it shows."""
    click.echo(click.style(title, bold=True))
    for command, what in commands.items():
        click.echo(f"\n  # {what}")
        for line in command.splitlines():
            click.echo(f"  {line}")


def print_json(document: object) -> None:
    """Print one JSON document for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_records(title: str, records: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print records of one shape as a JSON array, or as a table without what is empty in all; none is said as such."""
    if as_json:
        print_json(list(records))
    elif not records:
        say(f"{title}: none")
    else:
        columns = [name for name in records[0] if any(_text(record[name]) for record in records)]
        print_table(title, columns, [[record[name] for name in columns] for record in records])


def _text(value: object) -> str:
    """Return a value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _brief(value: object) -> str:
    """Return a value as a cell shows it: of an instant no more than its second, in UTC."""
    text = _text(value)
    instant = _INSTANT.fullmatch(text)
    return f"{instant['date']} {instant['time']}" if instant else text


class Progress:
    """A progress bar on a terminal, a sentence at the start elsewhere."""

    def __init__(self, what: str, total: int | None) -> None:
        """Promise `total` steps of `what`; None when nobody knows how many there will be."""
        self._what = what
        counted = () if total is None else (MofNCompleteColumn(),)
        self._bar = RichProgress(
            TextColumn("· {task.description}"),
            BarColumn(),
            *counted,
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(what, total=total)

    def __enter__(self) -> Self:
        if self._bar.disable:
            say(self._what)
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, steps: int) -> None:
        """Note that so many more steps are done."""
        self._bar.advance(self._task, steps)

    def reach(self, steps: int) -> None:
        """Note that so many steps are done in all."""
        self._bar.update(self._task, completed=steps)

    def reach_of(self, steps: int, total: int) -> None:
        """Note that so many of so many steps are done, where the number of steps is known only now."""
        self._bar.update(self._task, completed=steps, total=total)
