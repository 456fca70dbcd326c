"""What is committed of what the API says of itself: `python -m tests.contract.rest.golden` writes it anew.

docs/openapi.json is the OpenAPI document, the typed client is generated from it, and the table of problems in
docs/rest.md is made of problems.toml. docs/openapi.released.json is the document of the last release, without what only
people read: with `--release` it is written as well (`nox -s changelog`), and from then on no change may break whoever
goes by it.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.processes.api import application, services_over
from cashback.processes.api.openapi import finished
from cashback.processes.api.problems import known_problems
from cashback.purchases import ApiKeys
from tests.contract.catalogue_documents import last_release

DOCS: Final = Path(__file__).parents[3] / "docs"
GOLDEN: Final = DOCS / "openapi.json"
RELEASED: Final = DOCS / "openapi.released.json"
PAGE: Final = DOCS / "rest.md"
_WORDS: Final = {"description", "summary", "title", "tags", "example", "examples", "links", "info", "servers"}
_NAMES: Final = {"properties", "schemas"}
_TABLE: Final = "| code | status | means |\n|---|---|---|\n"


def document() -> dict[str, Any]:
    """Return the document that the API serves, everybody a copy of their own."""
    told: dict[str, Any] = msgspec.json.decode(_told())
    return told


@cache
def _told() -> bytes:
    """Return the document, as JSON: it is made of our sources alone, and once; nothing is connected to for it."""
    nothing, clock = cast("Any", None), SystemClock()
    app = application(
        services=services_over(nothing, nothing, nothing, clock=clock, endpoints=nothing),
        keys=ApiKeys(nothing, clock=clock, pepper=Secret("")),
        checks={},
    )
    return msgspec.json.encode(finished(app))


def text_of(told: dict[str, Any]) -> str:
    """Return a document as it is written."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def bare(told: Any, *, is_names: bool = False) -> Any:  # noqa: ANN401  # any JSON
    """Return a document without what only people read; members of that name stay."""
    if isinstance(told, dict):
        return {
            name: bare(value, is_names=name in _NAMES and not is_names)
            for name, value in told.items()
            if is_names or name not in _WORDS
        }
    return [bare(one) for one in told] if isinstance(told, list) else told


def released(release: str | None, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a release, with the digest by which a later change of it is seen."""
    return {"release": release, "sha256": sha256(json.dumps(told).encode()).hexdigest(), "document": told}


def with_problems(page: str) -> str:
    """Return the page about REST with its table of problems as problems.toml has them."""
    before, _, after = page.partition(_TABLE)
    _, blank, rest = after.partition("\n\n")
    rows = [f"| `{code}` | {problem.status} | {problem.means} |" for code, problem in known_problems().items()]
    return "".join([before, _TABLE, "\n".join(rows), blank, rest])


if __name__ == "__main__":
    GOLDEN.write_text(text_of(document()))
    PAGE.write_text(with_problems(PAGE.read_text()))
    subprocess.run([sys.executable, "-m", "openapi.generate"], cwd=DOCS.parent, check=True)
    if "--release" in sys.argv:
        RELEASED.write_text(json.dumps(released(last_release(), bare(document())), indent=1) + "\n")
