"""Seats: how many of what takes long may be under way in a process at a time, and how many of them one party's."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from cashback.kernel.errors import Unavailable


class Overloaded(Unavailable):
    """So much is waiting or under way that nothing more is taken; try again shortly."""

    code = "overloaded"


class Seats:
    """Who has how many of them; whoever leaves makes room."""

    def __init__(self, name: str) -> None:
        """Call those who sit by `name`, in the plural."""
        self._name = name
        self._taken: Counter[str | None] = Counter()

    @contextmanager
    def taken(self, party: str | None, *, most: int, of_one: int) -> Iterator[None]:
        """Have one for as long as the block runs: of `most` in all, and of `of_one` that a party may have.

        Raises:
            Overloaded: so many are under way.
        """
        if self._taken.total() >= most:
            raise Overloaded(f"too many {self._name} are under way; try again shortly")
        if self._taken[party] >= of_one:
            raise Overloaded(f"{of_one} {self._name} of yours are under way; try again shortly")
        self._taken[party] += 1
        try:
            yield
        finally:
            self._taken[party] -= 1
            if not self._taken[party]:
                del self._taken[party]
