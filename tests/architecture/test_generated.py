"""What is generated is what its source says, byte for byte.

proto/            gives  src/cashback/wire
docs/openapi.json gives  src/cashback/client/api
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tidy import ROOT

GENERATED = {"proto": ROOT / "src" / "cashback" / "wire", "openapi": ROOT / "src" / "cashback" / "client" / "api"}
"""What has a generator, and where it writes to."""


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below `folder` with its bytes; what Python compiled there itself does not count."""
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of the files that are not the same in both folders, missing ones included."""
    left, right = contents(one), contents(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def generate(source: str, out: Path, *options: str) -> None:
    """Generate what `source` gives into `out`."""
    command = [sys.executable, "-m", f"{source}.generate", "--out", str(out), *options]
    subprocess.run(command, cwd=ROOT, check=True)


@pytest.mark.parametrize("source", GENERATED)
def test_the_committed_code_is_what_its_source_generates(source: str, tmp_path: Path) -> None:
    """Nobody edited it, and nobody forgot `nox -s generate` after changing proto/ or the OpenAPI document."""
    generate(source, tmp_path / "fresh")
    assert differences(tmp_path / "fresh", GENERATED[source]) == []


def test_a_changed_document_changes_the_client(tmp_path: Path) -> None:
    """A member more, or one that may be left out now, is another struct: the test above is red until that is there."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    body = document["components"]["schemas"]["MerchantBody"]
    body["properties"]["street"], body["required"] = {"type": "string"}, []
    changed = tmp_path / "openapi.json"
    changed.write_text(json.dumps(document))
    generate("openapi", tmp_path / "fresh", "--document", str(changed))
    assert sorted(differences(tmp_path / "fresh", GENERATED["openapi"])) == ["merchants.py", "structs.py"]
    told = (tmp_path / "fresh" / "structs.py").read_text()
    assert "    name: str | UnsetType = UNSET\n" in told
    assert "    street: str | UnsetType = UNSET\n" in told
    # Nobody has to say a body of nothing but defaults that makes something.
    made = (tmp_path / "fresh" / "merchants.py").read_text()
    assert "def create_merchant(body: structs.MerchantBody | None = None, *, idempotency_key: str)" in made
    assert "        body=body or structs.MerchantBody(),\n" in made


@pytest.mark.parametrize("source", GENERATED)
def test_generating_twice_gives_the_same_bytes_and_clears_what_was_there(source: str, tmp_path: Path) -> None:
    """A stray file in the output folder does not survive, and the second run changes nothing."""
    out = tmp_path / "fresh"
    generate(source, out)
    (out / "stray.py").write_text("left over")
    first = contents(out)
    generate(source, out)
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
