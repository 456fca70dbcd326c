"""A data folder serves one system at a time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cashback.processes.stack import FolderInUse, FolderUnusable, sole_use

HOLD = (
    "import sys, pathlib; from cashback.processes.stack import sole_use\n"
    "with sole_use(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


def test_a_folder_in_use_is_refused_at_once_and_its_holder_named(tmp_path: Path) -> None:
    """Two databases in one folder would end both."""
    folder = tmp_path / "dev"
    named = rf"process {os.getpid()}, uses {folder}"
    with sole_use(folder), pytest.raises(FolderInUse, match=named), sole_use(folder):
        pytest.fail("it was given twice")
    with sole_use(folder):
        assert (folder / "lock").exists()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    """No file that a crash left behind keeps anybody out."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FolderInUse, match=f"process {holder.pid}"), sole_use(tmp_path):
            pytest.fail("it was given twice")
        holder.kill()
        holder.wait()
        with sole_use(tmp_path):
            assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_folder_that_is_none_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """A file, a place where nothing can be made, and a folder with a file where a server keeps its data."""
    file = tmp_path / "file"
    file.touch()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "postgres").touch()
    cases = {file: "File exists", Path("/proc/foo"): "cannot be used", taken: "a file named postgres"}
    for folder, words in cases.items():
        with pytest.raises(FolderUnusable, match=words), sole_use(folder):
            pytest.fail("it was given")
    assert [entry.name for entry in taken.iterdir()] == ["postgres"]


def test_a_folder_with_files_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    """Databases and keys are not spilled among letters; an empty folder, and one that served before, are taken."""
    theirs, empty = tmp_path / "theirs", tmp_path / "empty"
    theirs.mkdir()
    (theirs / "letter.txt").touch()
    empty.mkdir()
    with pytest.raises(FolderUnusable, match="files that no `cashback dev` has put there"), sole_use(theirs):
        pytest.fail("it was given")
    assert [entry.name for entry in theirs.iterdir()] == ["letter.txt"]
    with sole_use(empty):
        (empty / "dev.env").touch()
    with sole_use(empty):
        assert (empty / "dev.env").exists()
