"""A supervised child process: started, waited for by a fact, stopped within a bound, never left behind.

             start                 the fact holds
    absent ─────────> starting ───────────────────> running <── pause, resume ──> paused
       ^                 │ it dies, or is late         │                             │
       └─────────────────┴─────────────────────────────┴─────────────────────────────┘
          error with its log's tail             stop (a signal, then SIGKILL) or kill
          or it is abandoned

The child holds a lock on its own log file, and so does everything it starts: who gets the lock knows that all of them
are gone, even those of a launcher that was killed. So one folder never serves two children, and a restart after
`kill -9` waits for the last orphan instead of tripping over it.
"""

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import IO, Final

import msgspec

from cashback.kernel.errors import Conflict, Unavailable
from cashback.processes.embedded import leash
from cashback.processes.embedded.facts import eventually

_LOG_BYTES_MAX: Final = 16 * 1024**2
_TAIL_BYTES: Final = 4_096
_TAIL_LINES: Final = 20
_CLAIM_WITHIN_S: Final = 30.0
_FREEZE_WITHIN_S: Final = 5.0


class ChildFailed(Unavailable):
    """A child died at its start, was not ready in time, or would not go; the detail ends with its log's tail."""

    code = "child_failed"


class BinaryMissing(Unavailable):
    """A server's program is not on this machine and could not be fetched; the detail says how to get it."""

    code = "binary_missing"


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """How one start is done: the command, as whom, and the fact (asked with the pid) that says it is ready.

    Without `env` the child inherits the launcher's environment. `death_signal` is what it gets when the launcher is
    killed: SIGKILL also ends a paused one, a gentler signal lets a server that minds write down what it knows.
    """

    command: tuple[str, ...]
    ready: Callable[[int], bool]
    env: Mapping[str, str] | None = None
    identity: str = leash.SAME
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    ready_within_s: float = 120.0
    stop_within_s: float = 10.0


class Child:
    """One supervised process; `prepare` is called before each start and says how to do it.

    A start waits up to `claim_within_s` for the last process that still holds the log's folder.

    Every call blocks, within its bound; from asyncio use `asyncio.to_thread`. Not to be used by two threads at once,
    except for `abandon`.
    """

    def __init__(
        self, name: str, log: Path, prepare: Callable[[], Launch], *, claim_within_s: float = _CLAIM_WITHIN_S
    ) -> None:
        """Start nothing yet; `log` and its folder are made with the first start, which also empties a large one."""
        self._name = name
        self._log = log
        self._prepare = prepare
        self._claim_within_s = claim_within_s
        self._launch: Launch | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_abandoned = False
        self._exit_code: int | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the process exists, ready or not, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return what the last one that ended here ended with, minus the signal when one ended it; None before."""
        ended = None if self._process is None else self._process.poll()
        return self._exit_code if ended is None else ended

    @property
    def pid(self) -> int:
        """Return the process id of the running child.

        Raises:
            Conflict: it does not run.
        """
        if self._process is None or self._process.poll() is not None:
            raise Conflict(f"{self._name} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start and return when ready; a running child is left as it is.

        Raises:
            ChildFailed: it died, was not ready in time, was abandoned, or another one holds its folder; nothing is left
                running.
        """
        if self.is_running:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._claim(log)
            # Only now, for preparing writes into a folder that somebody else's child may hold.
            launch = self._launch = self._prepare()
            if log.seek(0, os.SEEK_END) > _LOG_BYTES_MAX:
                log.truncate(0)
            began_at = log.seek(0, os.SEEK_END)
            process = self._process = _births().submit(_spawn, launch, log).result()
        try:
            self._await_ready(process, launch, began_at)
        except BaseException:
            self.kill()
            raise

    def abandon(self) -> None:
        """Make a start that another thread waits in, and every later one, fail soon. Repeatable, also by a signal."""
        self._is_abandoned = True

    def stop(self) -> None:
        """Ask it to end, and end it after its bound; when this returns, it and all it started are gone. Repeatable."""
        if self._process is not None and self._launch is not None:
            within_s = self._launch.stop_within_s
            self._signal(self._launch.stop_signal)
            self._signal(signal.SIGCONT)  # a paused child would otherwise never hear the first
            try:
                self._process.wait(timeout=within_s)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
            self._await_gone(self._process, within_s)

    def kill(self) -> None:
        """End it by SIGKILL; when this returns, it and all it started are gone. Repeatable."""
        if self._process is not None and self._launch is not None:
            self._signal(signal.SIGKILL)
            self._await_gone(self._process, self._launch.stop_within_s)

    def restart(self) -> None:
        """Stop it, if it runs, and start it again.

        Raises:
            ChildFailed: as `start`.
        """
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it where it is (SIGSTOP): it answers nothing and holds everything. Repeatable.

        Raises:
            Conflict: it does not run.
            ChildFailed: one of its threads would not stand still.
        """
        pid = self.pid
        self._signal(signal.SIGSTOP)
        if not eventually(partial(_stands_still, pid), within_s=_FREEZE_WITHIN_S):
            raise ChildFailed(f"{self._name} would not pause")

    def resume(self) -> None:
        """Let it go on after `pause` (SIGCONT). Repeatable."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal, to nobody when it is gone."""
        if self._process is not None:
            self._process.send_signal(number)

    def _claim(self, log: IO[bytes]) -> None:
        """Take the lock that the child will inherit with `log`, once all who held it are gone."""
        free = eventually(lambda: self._is_abandoned or _locked(log), within_s=self._claim_within_s)
        if self._is_abandoned:
            raise ChildFailed(f"{self._name} was abandoned before its start")
        if not free:
            raise self._lingering()

    def _await_ready(self, process: subprocess.Popen[bytes], launch: Launch, began_at: int) -> None:
        """Return when the child is ready."""
        settled = eventually(
            lambda: self._is_abandoned or process.poll() is not None or launch.ready(process.pid),
            within_s=launch.ready_within_s,
        )
        if self._is_abandoned:
            raise ChildFailed(f"{self._name} was abandoned at its start")
        if process.poll() is not None:
            raise ChildFailed(f"{self._name} ended with {process.returncode} at its start:\n{self._tail(began_at)}")
        if not settled:
            raise ChildFailed(f"{self._name} was not ready within {launch.ready_within_s:g} s:\n{self._tail(began_at)}")

    def _await_gone(self, process: subprocess.Popen[bytes], within_s: float) -> None:
        """Return when the process is reaped and nothing that it started holds its log any more."""
        self._exit_code = process.wait(timeout=within_s)
        with self._log.open("ab") as log:
            if not eventually(partial(_locked, log), within_s=within_s):
                raise self._lingering()
        self._process = None

    def _lingering(self) -> ChildFailed:
        """Return the failure that somebody still holds the folder."""
        return ChildFailed(f"{self._name} or what it started still runs in {self._log.parent}")

    def _tail(self, began_at: int) -> str:
        """Return the last lines that the child wrote since its start, indented."""
        with self._log.open("rb") as log:
            log.seek(max(began_at, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read(_TAIL_BYTES).decode(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_TAIL_LINES:]) or "    (it wrote nothing)"


def _spawn(launch: Launch, log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Return the child, in a process group of its own: Ctrl-C in a terminal is the launcher's to pass on, in order."""
    return subprocess.Popen(
        leash.leashed(launch.command, death_signal=launch.death_signal, identity=launch.identity),
        env=launch.env,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        process_group=0,
    )


def _locked(log: IO[bytes]) -> bool:
    """Try to take the lock on `log`, and tell whether it is held now."""
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stands_still(pid: int) -> bool:
    """Tell whether every thread of our child has stopped or ended, and leave its status to whoever reaps it.

    The signal is only sent when `kill` returns: a thread on another core may yet answer a request.
    """
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@cache
def _births() -> ThreadPoolExecutor:
    """Return the one thread that starts every child.

    The kernel sends the death signal when the thread that forked ends, not the process; the threads of an event
    loop end with the loop, and would take along servers that were only restarted from one. This one ends last.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="births")
