"""What `cashback dev` says of starting it again, and what it refuses before anything starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from cashback.cli import command
from cashback.cli.dev import again


@pytest.mark.parametrize(
    "folder, block_time_s, command_line",
    [
        (Path("build/dev"), 1.0, "`cashback dev --folder build/dev`"),
        (Path("/data of dev"), 0.25, "`cashback dev --folder '/data of dev' --block-time 0.25`"),
        (None, 1.0, "`cashback dev`, which begins anew: without --folder no data are kept"),
    ],
)
def test_starting_again_names_the_folder_with_the_data(
    folder: Path | None, block_time_s: float, command_line: str
) -> None:
    """Without it an empty system would start, and all data seem lost."""
    assert again(folder, block_time_s) == command_line


@pytest.mark.parametrize("block_time", ["nan", "0", "61", "soon"])
def test_a_block_time_that_is_none_is_a_wrong_command_line(block_time: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also the one number that no comparison refuses."""
    assert command.run(["dev", "--block-time", block_time]) == 2
    assert "Invalid value for '--block-time'" in capsys.readouterr().err


def test_a_folder_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 4 and one sentence, before anything is started."""
    (tmp_path / "file").touch()
    assert command.run(["dev", "--folder", str(tmp_path / "file")]) == command.EXIT_REJECTED
    assert capsys.readouterr().err.startswith(f"cashback: folder_unusable: {tmp_path}/file cannot be used: File exists")


def test_a_folder_without_a_name_is_not_the_present_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable that is not set names nothing, also where the present folder is empty."""
    monkeypatch.chdir(tmp_path)
    assert command.run(["dev", "--folder", ""]) == command.EXIT_REJECTED
    assert capsys.readouterr().err.startswith("cashback: folder_unusable: '' names no folder")
    assert not list(tmp_path.iterdir())


INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "cashback.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from cashback.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_is_still_loading_is_told_as_such() -> None:
    """No traceback of an import."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (command.EXIT_INTERRUPTED, "cashback: interrupted\n")
