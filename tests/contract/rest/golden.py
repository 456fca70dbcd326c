"""What is committed of what the API says of itself: `python -m tests.contract.rest.golden` writes it anew.

docs/openapi.json is the OpenAPI document, the typed client is generated from it, and the table of problems in
docs/rest.md is made of problems.toml.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, cast

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.processes.api import application, services_over
from cashback.processes.api.reference.problems import known_problems
from cashback.purchases import ApiKeys

DOCS: Final = Path(__file__).parents[3] / "docs"
GOLDEN: Final = DOCS / "openapi.json"
PAGE: Final = DOCS / "rest.md"
_TABLE: Final = "| code | status | means |\n|---|---|---|\n"


def document() -> dict[str, Any]:
    """Return the document that the API serves; nothing is connected to for it."""
    nothing, clock = cast("Any", None), SystemClock()
    app = application(
        services=services_over(nothing, nothing, nothing, clock=clock, endpoints=nothing),
        keys=ApiKeys(nothing, clock=clock, pepper=Secret("")),
        checks={},
    )
    told: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    for response in (
        response for item in told["paths"].values() for one in item.values() for response in one["responses"].values()
    ):
        # The framework takes a route's own headers out of a set: in another order in every process.
        if "headers" in response:
            response["headers"] = dict(sorted(response["headers"].items()))
    return told


def text_of(told: dict[str, Any]) -> str:
    """Return a document as it is written."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def with_problems(page: str) -> str:
    """Return the page about REST with its table of problems as problems.toml has them."""
    before, _, after = page.partition(_TABLE)
    _, blank, rest = after.partition("\n\n")
    rows = [f"| `{code}` | {problem.status} | {problem.means} |" for code, problem in known_problems().items()]
    return "".join([before, _TABLE, "\n".join(rows), blank, rest])


if __name__ == "__main__":
    GOLDEN.write_text(text_of(document()))
    PAGE.write_text(with_problems(PAGE.read_text()))
    subprocess.run([sys.executable, str(DOCS.parent / "openapi" / "generate.py")], check=True)
