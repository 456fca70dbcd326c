"""The life of a process, which ends where the schedule says; what is dead does nothing any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from cashback.kernel.failpoints import Point
from tests.simulation.faults import Fault, Faults

_BESIDE_OTHERS: Final[frozenset[Point]] = frozenset({"attempt.answer_lost"})
"""Points at which others are under way that run on when one of them ends: who dies there ends at the next one."""


class Killed(BaseException):
    """The process ended at once, as by SIGKILL; nothing in it may catch that."""


class Life:
    """Whether a process lives, and where it dies."""

    def __init__(self, faults: Faults, *, tell: Callable[[Point], None] = lambda _: None) -> None:
        """Live; `tell` is told the named point at which it ended, if it was one."""
        self._faults = faults
        self._tell = tell
        self.is_over = False

    def is_ended_by(self, fault: Fault) -> bool:
        """Tell whether the process is dead, by this or before."""
        self.is_over = self.is_over or self._faults.strikes(fault)
        return self.is_over

    def end_by(self, fault: Fault) -> None:
        """Return unless the process dies here, or is dead.

        Raises:
            Killed: it is.
        """
        if self.is_ended_by(fault):
            raise Killed

    def reach(self, point: Point) -> None:
        """Return unless the process dies at this named point, or is dead.

        Raises:
            Killed: it is.
        """
        if not self.is_over and self._faults.strikes_at(point):
            self.is_over = True
            self._tell(point)
        if self.is_over and point not in _BESIDE_OTHERS:
            raise Killed

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let this be the process that runs, while the block lasts; blocks nest, for one may stand still in its own."""
        token = _running.set(self)
        try:
            yield
        finally:
            _running.reset(token)


_running: Final[ContextVar[Life | None]] = ContextVar("running", default=None)


def reach(point: Point) -> None:
    """Have whichever process runs reach this named point of the code."""
    life = _running.get()
    if life is not None:
        life.reach(point)
