"""The life of a process, which ends where the schedule says; what is dead does nothing any more."""

from tests.simulation.faults import Fault, Faults


class Killed(BaseException):
    """The process ended at once, as by SIGKILL; nothing in it may catch that."""


class Life:
    """Whether a process lives, and where it dies."""

    def __init__(self, faults: Faults) -> None:
        """Live."""
        self._faults = faults
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
