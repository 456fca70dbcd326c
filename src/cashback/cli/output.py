"""What the command line shows: tables and progress bars for people, JSON for programs.

Results go to standard output, everything else to standard error, so that a pipe only ever sees results.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from textwrap import TextWrapper
from types import TracebackType
from typing import Any, Final, Self

import click
import msgspec
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from cashback.cli.shown import as_text
from cashback.kernel.money import TOKEN_DECIMALS, TOKEN_SYMBOL

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")

_AS_WIDE_AS_NEEDED: Final = 10_000
_INDENT: Final = 2
_SHORT_BAR: Final = 12
_BETWEEN: Final = 2
"""How many characters stand between two columns."""

_SHORT: Final = 20
"""What is not longer is never wrapped."""

_SENTENCE_MIN: Final = 24
"""A column of sentences that would be narrower is no pleasure to read."""

_WHOLE: Final = 10**TOKEN_DECIMALS
_GWEI: Final = 10**9
_INSTANT: Final = re.compile(r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")
_TO_THE_SECOND: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d")
_AMOUNT: Final = re.compile(rf"\$?[0-9][0-9,]*(\.[0-9]+)?( {TOKEN_SYMBOL})?")


def say(text: str) -> None:
    """Tell a person what happens now, on standard error."""
    click.echo(f"· {text}", err=True)


def say_state(told: Mapping[str, Any], whom: str, state: str) -> None:
    """Tell how somebody stands, since when and by whose word; and that nothing changed where that is no news."""
    since = "" if told["at"] is None else f" since {told['at']}: {told['reason']} ({told['person']})"
    say(f"{'' if told['is_news'] else 'already so, nothing changed: '}{whom} is {state}{since}")


def tokens(units: int) -> str:
    """Return base units as a person reads them.

    >>> tokens(774_120_000)
    '774.120000 CBK'
    """
    return f"{units // _WHOLE:,}.{units % _WHOLE:0{TOKEN_DECIMALS}d} {TOKEN_SYMBOL}"


def gwei(wei: int) -> str:
    """Return a price per gas as people speak of it.

    >>> gwei(1_500_000_000)
    '1.5 gwei'
    """
    return f"{wei // _GWEI:,}.{wei % _GWEI:09d}".rstrip("0").rstrip(".") + " gwei"


def amounts(units: int) -> tuple[str, str]:
    """Return base units in two columns: as digits, and as a person reads them."""
    return f"{units:,}", tokens(units)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table for people, on a terminal as wide as that, elsewhere as wide as its content; nothing is ever cut.

    Where the terminal is too narrow, sentences are wrapped between words. Where that does not suffice, headings are
    broken behind their underscores and instants told to the minute, and where that does not either, each row becomes a
    block of lines with a name and a value: an id or a hash is there to be copied, and a number to be read whole.
    """
    cells = [[_brief(cell) for cell in row] for row in rows]
    console = Console(width=None if sys.stdout.isatty() else _AS_WIDE_AS_NEEDED, highlight=False, markup=False)
    click.echo(click.style(_unbroken(title, width=console.width), bold=True))
    click.echo()
    close = [name.replace("_", "_\n") for name in columns]
    to_the_minute = [[_TO_THE_SECOND.sub(r"\1", cell) for cell in row] for row in cells]
    for headings, shown in ((columns, cells), (close, to_the_minute)):
        if _least_width(headings, shown) <= console.width:
            _draw(console, headings, shown)
            return
    _print_blocks(columns, cells, width=console.width)


def _draw(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Print a table that fits."""
    table = Table(header_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for place, column in enumerate(columns):
        _add_column(table, column, [row[place] for row in cells if row[place]])
    for row in cells:
        table.add_row(*row)
    with console.capture() as drawn:
        console.print(Padding(table, (0, 0, 1, _INDENT), expand=False))
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())


def _add_column(table: Table, name: str, filled: Sequence[str]) -> None:
    """Add a column that is at least as wide as its heading and its longest word, and whole unless of sentences."""
    least = _least_of_column(name, filled)
    if filled and all(_AMOUNT.fullmatch(text) for text in filled):
        table.add_column(name, justify="right", no_wrap=True, min_width=least)
    elif _is_of_sentences(filled):
        table.add_column(name, overflow="fold", min_width=least)
    else:
        table.add_column(name, no_wrap=True, min_width=least)


def _is_of_sentences(filled: Sequence[str]) -> bool:
    """Tell whether a column's cells may be wrapped."""
    return any(" " in text for text in filled) and max(map(cell_len, filled)) > _SHORT


def _least_of_column(name: str, filled: Sequence[str]) -> int:
    """Return how many characters a column needs, so that nothing of it is cut."""
    texts = filled
    if _is_of_sentences(filled):
        texts = [
            " " * min(_SENTENCE_MIN, max(map(cell_len, filled))),
            *(word for text in filled for word in text.split()),
        ]
    return max(map(cell_len, (*name.splitlines(), *texts)), default=0)


def _least_width(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """Return how many characters the whole table needs."""
    least = [_least_of_column(name, [row[place] for row in cells]) for place, name in enumerate(columns)]
    return _INDENT + sum(least) + _BETWEEN * (len(least) - 1)


def _print_blocks(columns: Sequence[str], cells: Sequence[Sequence[str]], *, width: int) -> None:
    """Print each row as lines of a name and a value, without what is empty; sentences are wrapped between words.

    A word that is too long to stand beside its name stands whole on a line of its own below it.
    """
    longest = max(map(cell_len, columns))
    beside = longest + 2 * _INDENT
    for row in cells:
        for name, text in zip(columns, row, strict=True):
            if text:
                fits = beside + max(map(cell_len, text.split())) <= width
                indent = " " * (beside if fits else 2 * _INDENT)
                wrapped = _unbroken(text, width=width, indent=indent)
                head = f"{' ' * _INDENT}{name}"
                click.echo(f"{head:<{beside}}{wrapped.lstrip()}" if fits else f"{head}\n{wrapped}")
        click.echo()


def _unbroken(text: str, *, width: int, indent: str = "") -> str:
    """Return a text in lines that are no wider than that and begin with `indent`, with each word whole."""
    wrapper = TextWrapper(
        width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(text)


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """Print names beside values under a heading, nothing folded: what is copied is copied whole."""
    width = max((len(name) for name in facts), default=0)
    click.echo(click.style(title, bold=True))
    for name, value in facts.items():
        click.echo(f"  {name:<{width}}  {as_text(value)}".rstrip())


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
        columns = [name for name in records[0] if any(as_text(record[name]) for record in records)]
        print_table(title, columns, [[record[name] for name in columns] for record in records])


def _brief(value: object) -> str:
    """Return a value as a cell shows it: of an instant no more than its second, in UTC."""
    text = as_text(value)
    instant = _INSTANT.fullmatch(text)
    return f"{instant['date']} {instant['time']}" if instant else text


class _Rate(ProgressColumn):
    """How many steps a second are done."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last while, of all of it where that is too short to tell, nothing before it begins."""
        speed = task.finished_speed or task.speed
        if speed is None and task.completed and task.elapsed:
            speed = task.completed / task.elapsed
        return Text("" if speed is None else f"{speed:,.0f}/s")


class Progress:
    """A progress bar on a terminal, a sentence at the start elsewhere."""

    def __init__(self, what: str, total: int | None, *, is_long: bool = False) -> None:
        """Promise `total` steps of `what`; None when nobody knows how many there will be, or not yet.

        What is long tells count, rate and remaining time as well, on a line of 80 columns.
        """
        self._what = what
        counted = () if total is None else (MofNCompleteColumn(),)
        long = (BarColumn(_SHORT_BAR), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
        self._bar = RichProgress(
            TextColumn("· {task.description}"),
            *(long if is_long else (BarColumn(), *counted, TimeElapsedColumn())),
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


def tree(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a tree for a terminal, of its steps in order, each with its depth and its words."""
    open_: list[bool] = []
    for place, step in enumerate(steps):
        depth = int(step["depth"])
        later = next((int(other["depth"]) for other in steps[place + 1 :] if int(other["depth"]) <= depth), -1)
        has_sibling = later == depth
        open_[depth:] = [has_sibling]
        stem = "".join("│  " if is_open else "   " for is_open in open_[:depth])
        yield f"{stem}{'├─ ' if has_sibling else '└─ '}{step['text']}"
