"""One of our own commands as a child: `cashback api`, `cashback relay`, ... run as an operator would run them.

/livez   the event loop turns; says nothing of what the process can do, so no start waits for it
/readyz  all that its work needs is there: what a balancer asks, and what a start waits for
         ... all but what a person has to lift: that is up, serves those who lift it, and tells what is wrong
"""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import PREFIX, environment
from cashback.processes.embedded.child import Child, Launch
from cashback.processes.embedded.facts import HOST, listening_ports, problems_at

UP_WITHIN_S: Final = 120.0
STANDS_AFTER_S: Final = 5.0
"""A problem that is still there after so long stands: numbers are compared within two seconds of a start."""


class CashbackProcess:
    """A `cashback` command that runs until told to end, up when `/readyz` on its `port` says so.

    It is up as well once nothing but the checks named in `for_a_person` has failed for five seconds: they wait for a
    person, who needs the process to lift them. `settings` are its `CASHBACK_*` variables, all of them: the launcher's
    own never leak in. All calls block, and every one may be repeated.
    """

    def __init__(
        self,
        *arguments: str,
        log: Path,
        port: int,
        settings: Mapping[str, str],
        for_a_person: frozenset[str] = frozenset(),
        within_s: float = UP_WITHIN_S,
    ) -> None:
        """Start nothing yet; `arguments` are what follows `cashback` on the command line."""
        self.name = " ".join(arguments)
        self.port = port
        self.log = log.resolve()
        self._arguments = arguments
        self._settings = dict(settings)
        self._for_a_person = for_a_person
        self._within_s = within_s
        self._standing_since_s: float | None = None
        self._child = Child(f"cashback {self.name}", self.log, self._prepare)
        # The process's life is its child's life.
        self.stop, self.kill, self.restart = self._child.stop, self._child.kill, self._child.restart
        self.abandon = self._child.abandon
        self.pause, self.resume = self._child.pause, self._child.resume

    def start(self) -> Self:
        """Return this process, up.

        Raises:
            ChildFailed: it died or was not up in time; the detail says what it wrote.
        """
        self._child.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Return the process id.

        Raises:
            Conflict: it does not run.
        """
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process exists, paused or not."""
        return self._child.is_running

    @property
    def exit_code(self) -> int | None:
        """Return what it ended with the last time, minus the signal when one ended it; None before."""
        return self._child.exit_code

    @property
    def url(self) -> str:
        """Return its base URL."""
        return f"http://{HOST}:{self.port}"

    @property
    def problems(self) -> Mapping[str, str]:
        """Return what keeps it from being ready, by the name of the check; empty when it is ready or does not say."""
        return self.readiness or {}

    @property
    def readiness(self) -> Mapping[str, str] | None:
        """Return the same, but None when it does not say."""
        return problems_at(self.port)

    def _prepare(self) -> Launch:
        """Return how to start it."""
        self._standing_since_s = None
        inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
        return Launch(
            command=(sys.executable, "-m", "cashback", *self._arguments),
            env={**inherited, **self._settings},
            ready=self._is_up,
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
            ready_within_s=self._within_s,
        )

    def _is_up(self, pid: int) -> bool:
        """Tell whether this very process is ready, or kept from it by what only a person lifts."""
        problems = problems_at(self.port)
        # In this order, for a refused connection costs less than a look at every socket of the machine.
        if problems is None or self.port not in listening_ports(pid):
            return False
        if not problems.keys() <= self._for_a_person:
            self._standing_since_s = None
            return False
        if self._standing_since_s is None:
            self._standing_since_s = monotonic_s()
        return not problems or monotonic_s() - self._standing_since_s >= STANDS_AFTER_S
