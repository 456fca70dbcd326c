"""Whoever launches: killed with -9, twice on one machine, root or not, with or without user namespaces."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_LAUNCHER = Path(__file__).parent / "launcher.py"
_NOBODY = 65_534
_SOMEBODY = ("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--inh-caps=-all")
_SOMEBODY_WHO_READS_ALL = (*_SOMEBODY[:-1], "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")

# Inside a namespace that has every user and forbids to make another: so root finds itself in many containers. It is
# root there only once its users are mapped from outside, and has root's powers only after one more exec.
_FORBIDS = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
_CONTAINER = ("unshare", "-U", "sh", "-c", 'echo here; read go; exec sh -c "$0" sh "$@"', _FORBIDS)


@contextmanager
def launched(
    folder: Path, anvil: Path, *options: str, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """Give a running launcher and what it said about its servers; it is told to end afterwards."""
    command = [*prefix, sys.executable, str(_LAUNCHER), str(folder), str(anvil), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        if prefix == _CONTAINER:
            assert launcher.stdout.readline() == "here\n"
            for users in ("uid_map", "gid_map"):
                Path(f"/proc/{launcher.pid}/{users}").write_text("0 0 65536")
            launcher.stdin.write("go\n")
            launcher.stdin.flush()
        yield launcher, json.loads(launcher.stdout.readline())


def readable_by_somebody() -> bool:
    """Tell whether an ordinary user can run this environment's Python, which may lie in root's home."""
    nested = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', 'import cashback'], check=True)"
    probe = [*_SOMEBODY, sys.executable, "-c", nested]
    return os.access(_LAUNCHER, os.R_OK) and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def ended(pidfd: int, *, within_s: int = 30) -> bool:
    """Wait until the process behind `pidfd` has ended, and tell whether it did."""
    try:
        return bool(select.select([pidfd], [], [], within_s)[0])
    finally:
        os.close(pidfd)


@pytest.mark.parametrize("options", [(), ("paused",)], ids=["running", "paused"])
def test_nothing_is_left_of_a_launcher_that_was_killed(
    tmp_path: Path, anvil_program: Path, options: tuple[str, ...]
) -> None:
    """Kill -9 runs no handler of the launcher: the kernel itself must end the children, frozen ones too."""
    with launched(tmp_path, anvil_program, *options) as (launcher, where):
        children = [os.pidfd_open(pid) for pid in where["pids"]]
        launcher.kill()
        assert [ended(child) for child in children] == [True, True, True]


def test_a_folder_can_be_used_again_at_once_after_its_launcher_was_killed(tmp_path: Path, anvil_program: Path) -> None:
    """The next launcher waits for the servers of the last one to be gone, and loses nothing of theirs."""
    with launched(tmp_path, anvil_program) as (launcher, where):
        with psycopg.connect(where["dsn"]) as connection:
            connection.execute("create table notes as select 'kept' as note")
        launcher.kill()
    with launched(tmp_path, anvil_program) as (_, where), psycopg.connect(where["dsn"]) as connection:
        assert connection.execute("select note from notes").fetchall() == [("kept",)]


def test_two_launchers_run_side_by_side_and_end_cleanly(tmp_path: Path, anvil_program: Path) -> None:
    """Free ports and own folders: neither run knows of the other."""
    one, other = tmp_path / "one", tmp_path / "other"
    with launched(one, anvil_program) as (first, here), launched(other, anvil_program) as (second, there):
        assert not {here["dsn"], here["nats"], here["anvil"]} & {there["dsn"], there["nats"], there["anvil"]}
        children = [os.pidfd_open(pid) for pid in here["pids"] + there["pids"]]
        for launcher in (first, second):
            launcher.communicate(timeout=60)
        assert (first.returncode, second.returncode) == (0, 0)
        assert [ended(child) for child in children] == [True] * 6


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user; this run is one already")
def test_an_ordinary_user_needs_nothing_more(anvil_program: Path) -> None:
    """The same launcher, as a user without any privilege, or with one: to read an environment that is root's own."""
    prefix = _SOMEBODY if readable_by_somebody() else _SOMEBODY_WHO_READS_ALL
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        anvil = Path(shutil.copy(anvil_program, folder / "program"))
        os.chown(folder, _NOBODY, _NOBODY)
        with launched(folder, anvil, prefix=prefix) as (_, where), psycopg.connect(where["dsn"]) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
            assert (folder / "postgres" / "cluster").stat().st_uid == _NOBODY


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become another user to start PostgreSQL")
def test_root_without_user_namespaces_starts_postgres_as_nobody(tmp_path: Path, anvil_program: Path) -> None:
    """As in a container that forbids them; no folder is opened for it, though nobody may not enter this one."""
    tmp_path.chmod(0o700)
    with launched(tmp_path, anvil_program, prefix=_CONTAINER) as (launcher, where):
        with psycopg.connect(where["dsn"]) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        assert (tmp_path / "postgres" / "cluster").stat().st_uid == _NOBODY
        children = [os.pidfd_open(pid) for pid in where["pids"]]
        launcher.kill()
        assert [ended(child) for child in children] == [True, True, True]
