"""What is left of a failed test: the ends of its processes' logs stand in what pytest prints, nobody else's do."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.remains import LAST_BYTES, MOST_LOGS, logs_since

ROOT = Path(__file__).parents[2]
TESTS = """
import os

def test_well(tmp_path):
    (tmp_path / "well.log").write_text("nobody asks")
    os.utime(tmp_path / "well.log", (1, 1))

def test_broken(tmp_path):
    (tmp_path / "server.log").write_text("the reason why")
    assert tmp_path is None
"""


def test_a_failed_test_tells_what_its_processes_logged_and_others_are_left_out(tmp_path: Path) -> None:
    """Run through pytest itself, with the plugin file that all tests have."""
    (tmp_path / "test_of_ours.py").write_text(TESTS)
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", tmp_path, "-c", "/dev/null", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "1 failed, 1 passed" in said.stdout, said.stdout + said.stderr
    assert "server.log\nthe reason why" in said.stdout
    assert "nobody asks" not in said.stdout


def test_of_a_long_log_the_end_is_told_in_whole_lines_and_of_many_logs_the_newest(tmp_path: Path) -> None:
    """However much was logged, what is told is bounded."""
    (tmp_path / "long.log").write_text("first line\n" + "line\n" * LAST_BYTES)
    told = logs_since(0, tmp_path).splitlines()
    assert (told[0], set(told[1:]), "first line" in told) == ("--- long.log", {"line", ""}, False)
    os.utime(tmp_path / "long.log", (1, 1))
    for number in range(MOST_LOGS):
        (tmp_path / f"{number}.log").write_text(f"of {number}")
    told = logs_since(0, tmp_path).splitlines()
    assert (len(told), "--- long.log" in told) == (2 * MOST_LOGS, False)
    assert logs_since((tmp_path / "0.log").stat().st_mtime + 3_600, tmp_path) == ""
