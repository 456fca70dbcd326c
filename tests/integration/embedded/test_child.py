"""A supervised child: ready by a fact, ended within a bound, and its last words are in the error."""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from cashback.kernel.errors import Conflict
from cashback.processes.embedded import Child, ChildFailed, Launch, eventually

_HEARS_NOTHING = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
"""
_HAS_A_CHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""
_WAITS = "import signal; print('ready', flush=True); signal.pause()"
_DIES = "import sys; sys.exit('the disk is full')"


def child(log: Path, *arguments: str, ready_within_s: float = 20, stop_within_s: float = 10) -> Child:
    """Return a child that runs Python with `arguments`, ready once it has written something."""
    launch = Launch(
        command=(sys.executable, "-c", *arguments),
        ready=lambda _: log.stat().st_size > 0,
        ready_within_s=ready_within_s,
        stop_within_s=stop_within_s,
    )
    return Child("clerk", log, lambda: launch)


def test_a_child_that_dies_at_its_start_leaves_its_last_words_in_the_error(tmp_path: Path) -> None:
    """Nobody should have to look for a log file to learn why a server did not start."""
    launch = Launch(command=(sys.executable, "-c", _DIES), ready=lambda _: False)
    clerk = Child("clerk", tmp_path / "log", lambda: launch)
    with pytest.raises(ChildFailed, match=r"clerk ended with 1 at its start:\n    the disk is full"):
        clerk.start()
    assert not clerk.is_running


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The shim stands between the launcher and the command, and must not hide what was not found."""
    launch = Launch(command=("/nowhere/clerk",), ready=lambda _: False)
    with pytest.raises(ChildFailed, match=r"cannot run /nowhere/clerk as same: .*No such file"):
        Child("clerk", tmp_path / "log", lambda: launch).start()


def test_a_child_that_is_never_ready_is_ended_at_its_deadline(tmp_path: Path) -> None:
    """Every wait is bounded, and a start that failed leaves nothing running."""
    launch = Launch(command=(sys.executable, "-c", _WAITS), ready=lambda _: False, ready_within_s=0.5)
    clerk = Child("clerk", tmp_path / "log", lambda: launch)
    with pytest.raises(ChildFailed, match=r"not ready within 0\.5 s"):
        clerk.start()
    assert not clerk.is_running


def test_starting_and_stopping_may_be_repeated(tmp_path: Path) -> None:
    """A second start changes nothing, and neither does a second stop or a kill of what is gone."""
    clerk = child(tmp_path / "log", _WAITS)
    clerk.start()
    pid = clerk.pid
    clerk.start()
    assert clerk.pid == pid
    clerk.stop()
    clerk.stop()
    clerk.kill()
    with pytest.raises(Conflict):
        clerk.pause()


def test_a_child_that_ignores_the_request_to_end_is_killed_at_its_bound(tmp_path: Path) -> None:
    """Stopping is a request first and a fact in the end."""
    clerk = child(tmp_path / "log", _HEARS_NOTHING, stop_within_s=2)
    clerk.start()
    clerk.stop()
    assert not clerk.is_running


def test_a_paused_child_can_be_stopped(tmp_path: Path) -> None:
    """A frozen process hears no request before it is woken."""
    clerk = child(tmp_path / "log", _WAITS, stop_within_s=60)
    clerk.start()
    clerk.pause()
    clerk.stop()
    assert not clerk.is_running


def test_one_folder_never_serves_two(tmp_path: Path) -> None:
    """Two servers on the same files destroy them; the second is refused before it prepares any, the first goes on."""
    first = child(tmp_path / "log", _WAITS)
    first.start()

    def prepare() -> Launch:
        raise AssertionError

    with pytest.raises(ChildFailed, match="still runs in"):
        Child("rival", tmp_path / "log", prepare, claim_within_s=0.2).start()
    assert first.is_running
    first.stop()


def test_killing_returns_only_when_what_the_child_started_is_gone_too(tmp_path: Path) -> None:
    """A restart must not meet the orphans of the life before: here one stays, and that is said."""
    clerk = child(tmp_path / "log", _HAS_A_CHILD, _WAITS, stop_within_s=2)
    clerk.start()
    assert eventually(lambda: len((tmp_path / "log").read_text().splitlines()) > 1, within_s=10)
    orphan = int(next(line for line in (tmp_path / "log").read_text().splitlines() if line.isdigit()))
    with pytest.raises(ChildFailed, match="or what it started still runs"):
        clerk.kill()
    os.kill(orphan, signal.SIGKILL)
    clerk.kill()
    assert not clerk.is_running


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    """The kernel ties a child to the thread that forked it, and the threads of an event loop end with the loop."""
    clerk = child(tmp_path / "log", _WAITS)
    thread = threading.Thread(target=clerk.start)
    thread.start()
    task = Path(f"/proc/self/task/{thread.native_id}")
    thread.join()
    assert eventually(lambda: not task.exists(), within_s=10)
    assert not eventually(lambda: not clerk.is_running, within_s=0.2)
    clerk.stop()
