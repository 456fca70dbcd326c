"""One of our own commands as a child: `cashback api`, `cashback relay`, ... run as an operator would run them."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from cashback.kernel.config import PREFIX, environment
from cashback.processes.embedded.child import Child, Launch
from cashback.processes.embedded.facts import HOST, answers, listening_ports


class CashbackProcess:
    """A `cashback` command that runs until told to end, ready when `/readyz` on its `port` says so.

    `settings` are its `CASHBACK_*` variables, all of them: the launcher's own never leak in. All calls block, and every
    one may be repeated.
    """

    def __init__(self, *arguments: str, log: Path, port: int, settings: Mapping[str, str]) -> None:
        """Start nothing yet; `arguments` are what follows `cashback` on the command line."""
        self.name = " ".join(arguments)
        self.port = port
        self.log = log.resolve()
        self._arguments = arguments
        self._settings = dict(settings)
        self._child = Child(f"cashback {self.name}", self.log, self._prepare)
        # The process's life is its child's life.
        self.stop, self.kill, self.restart = self._child.stop, self._child.kill, self._child.restart
        self.abandon = self._child.abandon
        self.pause, self.resume = self._child.pause, self._child.resume

    def start(self) -> Self:
        """Return this process, ready.

        Raises:
            ChildFailed: it died or was not ready in time; the detail says what it wrote.
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

    def _prepare(self) -> Launch:
        """Return how to start it."""
        inherited = {name: value for name, value in environment().items() if not name.startswith(PREFIX)}
        return Launch(
            command=(sys.executable, "-m", "cashback", *self._arguments),
            env={**inherited, **self._settings},
            # In this order, for a refused connection costs less than a look at every socket of the machine.
            ready=lambda pid: answers(self.port, "/readyz") and self.port in listening_ports(pid),
            stop_signal=signal.SIGTERM,
            death_signal=signal.SIGKILL,
        )
