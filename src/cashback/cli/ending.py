"""Being told to end while other processes hang on this one: wound up in order, whenever the signal comes.

    SIGINT, SIGTERM, SIGHUP ──▶ noted ──▶ what is under way is told ──▶ it fails soon ──▶ everything is stopped

A signal raises nothing by itself: an exception out of nowhere could strike between the birth of a child and the line
that remembers it. Signals that come while all is being stopped change nothing.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

import click

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")
Reaction: TypeAlias = Callable[[], object]


class Ending:
    """Whether this command was told to end, and what that means at the moment; for the main thread."""

    def __init__(self) -> None:
        """Be told nothing yet."""
        self._told = threading.Event()
        self._reactions: list[Reaction] = []

    @classmethod
    @contextmanager
    def awaited(cls) -> Iterator["Ending"]:
        """Yield the ending that signals bring about until the block ends."""
        ending = cls()
        before = {number: signal.signal(number, ending._note) for number in SIGNALS}
        try:
            yield ending
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def is_told(self) -> bool:
        """Tell whether a signal came."""
        return self._told.is_set()

    def check(self) -> None:
        """Return unless a signal came.

        Raises:
            click.Abort: one did.
        """
        if self.is_told:
            raise click.Abort

    def wait(self, at_most_s: float) -> bool:
        """Return True as soon as a signal came, and False when none did for so long."""
        return self._told.wait(at_most_s)

    @contextmanager
    def means(self, reaction: Reaction) -> Iterator[None]:
        """Call `reaction` when a signal comes inside the block, and at once when one came before."""
        self._reactions.append(reaction)
        try:
            if self.is_told:
                reaction()
            yield
        finally:
            self._reactions.remove(reaction)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; it is cancelled when a signal comes, and not begun after one.

        Raises:
            click.Abort: one came.
        """
        if self.is_told:
            work.close()
            raise click.Abort
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            task = loop.create_task(work)
            try:
                with self.means(lambda: loop.call_soon_threadsafe(task.cancel)):
                    return runner.run(_result(task))
            except asyncio.CancelledError as cause:
                raise click.Abort from cause

    def _note(self, *_: object) -> None:
        """Take a signal."""
        self._told.set()
        for reaction in list(self._reactions):
            reaction()


async def _result(task: asyncio.Task[T]) -> T:
    """Wait for a task."""
    return await task
