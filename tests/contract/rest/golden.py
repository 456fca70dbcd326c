"""The OpenAPI document as it is committed: `python -m tests.contract.rest.golden` writes docs/openapi.json anew."""

import json
from pathlib import Path
from typing import Any, Final, cast

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.processes.api import application, services_over
from cashback.purchases import ApiKeys

GOLDEN: Final = Path(__file__).parents[3] / "docs" / "openapi.json"


def document() -> dict[str, Any]:
    """Return the document that the API serves; nothing is connected to for it."""
    nothing, clock = cast("Any", None), SystemClock()
    app = application(
        services=services_over(nothing, nothing, nothing, clock=clock, endpoints=nothing),
        keys=ApiKeys(nothing, clock=clock, pepper=Secret("")),
        checks={},
    )
    told: dict[str, Any] = json.loads(json.dumps(app.openapi_schema.to_schema()))
    return told


def text_of(told: dict[str, Any]) -> str:
    """Return a document as it is written."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(text_of(document()))
