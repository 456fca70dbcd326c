"""What the command line shows: tables and progress bars for people, JSON for programs.

Results go to standard output, everything else to standard error, so that a pipe only ever sees results.
"""

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")


def say(text: str) -> None:
    """Tell a person what happens now, on standard error."""
    click.echo(f"· {text}", err=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table for people; without a terminal it is as wide as its content."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(table)


def print_json(document: object) -> None:
    """Print one JSON document for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def print_records(title: str, records: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print records of one shape as a table, or as a JSON array; none is said as such."""
    if as_json:
        print_json(list(records))
    elif not records:
        say(f"{title}: none")
    else:
        print_table(title, list(records[0]), [list(record.values()) for record in records])


class Progress:
    """A progress bar on a terminal, a sentence at the start elsewhere."""

    def __init__(self, what: str, total: int) -> None:
        """Promise `total` steps of `what`."""
        self._what = what
        self._total = total
        self._bar = RichProgress(
            TextColumn("· {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
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
