"""Work on what is large, step by step: between two steps others may have their turn.

steps ──▶ at_once     a command of the command line, a small body
      └─▶ in_turns    a large body: the loop goes round between steps, as soon as they have taken long enough
"""

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Final, TypeAlias, TypeVar

from cashback.kernel.clock import monotonic_s
from cashback.kernel.seats import Seats

TURN_S: Final = 0.01
"""For how long steps are done one after the other before somebody else may be at work."""

SEATS_MAX: Final = 32
"""How many large bodies may be read in a process, the one that is worked on and those that wait for that."""

SEATS_OF_ONE: Final = SEATS_MAX // 4
"""How many of them may be one party's."""

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Yields between its steps, and returns what they come to."""


def at_once(steps: Steps[T]) -> T:
    """Return what some steps come to."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result


async def in_turns(steps: Steps[T]) -> T:
    """Return what some steps come to, and let others have their turn meanwhile."""
    begun_s = monotonic_s()
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: T = done.value
            return result
        if monotonic_s() - begun_s >= TURN_S:
            await asyncio.sleep(0)
            begun_s = monotonic_s()


class LargeBodies:
    """The large bodies that a process reads: one is worked on at a time, or each of many would have a step a round."""

    def __init__(self) -> None:
        """Read none yet."""
        self._seats = Seats("large bodies")
        self._turn = asyncio.Lock()

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have a body be one of few, and of fewer that a party has.

        Raises:
            Overloaded: so many are being read.
        """
        return self._seats.taken(party, most=SEATS_MAX, of_one=SEATS_OF_ONE)

    async def work(self, steps: Steps[T]) -> T:
        """Return what some steps come to, once it is their turn."""
        async with self._turn:
            return await in_turns(steps)
