"""What the tests of the command line share: a terminal that is none."""

import io
import sys
from collections.abc import Callable

import click
import pytest

OnTerminal = Callable[[int, Callable[[], object]], str]


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Give a way to see what is printed on a terminal of some width, without its colours."""

    def see(columns: int, act: Callable[[], object]) -> str:
        terminal = Terminal()
        with monkeypatch.context() as changed:
            changed.setenv("COLUMNS", str(columns))
            changed.setenv("TERM", "xterm")
            changed.setattr(sys, "stdout", terminal)
            act()
        return click.unstyle(terminal.getvalue())

    return see
