"""What is generated is what its source says: proto/ gives src/cashback/wire, byte for byte."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.tidy import ROOT

WIRE = ROOT / "src" / "cashback" / "wire"


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` with its bytes; what Python compiled there itself does not count."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of the files that are not the same in both folders, missing ones included."""
    left, right = contents(one), contents(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def generate(out: Path) -> None:
    """Generate the wire code into `out`."""
    subprocess.run([sys.executable, str(ROOT / "proto" / "generate.py"), "--out", str(out)], check=True)


def test_the_committed_wire_code_is_what_the_contract_generates(tmp_path: Path) -> None:
    """Nobody edited src/cashback/wire, and nobody forgot `nox -s generate` after changing proto/."""
    generate(tmp_path / "wire")
    assert differences(tmp_path / "wire", WIRE) == []


def test_generating_twice_gives_the_same_bytes_and_clears_what_was_there(tmp_path: Path) -> None:
    """A stray file in the output folder does not survive, and the second run changes nothing."""
    out = tmp_path / "wire"
    generate(out)
    (out / "stray.py").write_text("left over")
    first = contents(out)
    generate(out)
    assert first.keys() - contents(out).keys() == {"stray.py"}
    assert contents(out).items() <= first.items()


def test_an_edit_of_generated_code_is_seen(tmp_path: Path) -> None:
    """One changed byte, one missing and one additional file are each a difference."""
    committed, fresh = tmp_path / "committed", tmp_path / "fresh"
    for folder in (committed, fresh):
        folder.mkdir()
        for name in ("same.py", "edited.py"):
            (folder / name).write_text("generated")
    (committed / "edited.py").write_text("generated!")
    (committed / "additional.py").touch()
    (fresh / "missing.py").touch()
    assert differences(committed, fresh) == ["additional.py", "edited.py", "missing.py"]
