"""Write `src/cashback/client/api` from docs/openapi.json; `nox -s generate` calls this.

    components/schemas ──> structs.py     a msgspec struct or an enumeration for each            (schemas.py)
    paths, by tag ───────> purchases.py   a function for each operation, which gives a `Call`:   (operations.py)
                           users.py, ...  nothing is sent by it

What sends calls is written by hand, beside that folder. The same document gives the same bytes.
"""

import argparse
import json
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from openapi.operations import OPERATIONS_HEAD, formats_of, operation_text, operations_of
from openapi.schemas import STRUCTS_HEAD, Schema, Types, identifier

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "docs" / "openapi.json"
API = HERE.parent / "src" / "cashback" / "client" / "api"
RUFF = Path(sysconfig.get_path("scripts")) / "ruff"
STYLE = ("--isolated", "--no-cache", "--quiet", "--line-length", "120", "--target-version", "py311")
OURS = ("--config", 'lint.isort.known-first-party = ["cashback"]')
PACKAGE: Final = '"""The operations of the API by tag, and their structs: generated from docs/openapi.json."""\n'


def generate(document: Schema, out: Path) -> None:
    """Make `out` hold the generated package and nothing else; the second time changes nothing."""
    types = Types(document)
    by_tag: dict[str, list[str]] = {}
    for method, template, operation in operations_of(document):
        texts = [operation_text(types, method, template, one) for one in formats_of(operation)]
        by_tag.setdefault(operation["tags"][0], []).extend(texts)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "api"
        fresh.mkdir()
        (fresh / "__init__.py").write_text(PACKAGE)
        (fresh / "structs.py").write_text(STRUCTS_HEAD + "\n\n\n".join(types.definitions()) + "\n")
        for tag, texts in by_tag.items():
            module = fresh / f"{identifier(tag).lower()}.py"
            module.write_text(OPERATIONS_HEAD.format(tag=tag) + "\n\n\n".join(texts) + "\n")
        subprocess.run([str(RUFF), "check", *STYLE, *OURS, "--select", "F401,I", "--fix", str(fresh)], check=True)
        subprocess.run([str(RUFF), "format", *STYLE, str(fresh)], check=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(fresh, out)


def main() -> None:
    """Generate into the folder named on the command line, or over the committed code."""
    parser = argparse.ArgumentParser(description="Write src/cashback/client/api from docs/openapi.json.")
    parser.add_argument("--out", type=Path, default=API, help="another folder than the committed one; emptied first")
    parser.add_argument("--document", type=Path, default=DOCUMENT, help="another document than docs/openapi.json")
    told = parser.parse_args()
    generate(json.loads(told.document.read_text()), told.out.resolve())


if __name__ == "__main__":
    main()
