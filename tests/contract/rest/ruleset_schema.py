"""The JSON Schema of rulesets: `python -m tests.contract.rest.ruleset_schema` writes docs/ruleset.schema.json anew."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from cashback.ledger import RulesetDocument

GOLDEN: Final = Path(__file__).parents[3] / "docs" / "ruleset.schema.json"


def schema() -> dict[str, Any]:
    """Return the schema that the code's own types make."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(RulesetDocument)}


def text_of(told: dict[str, Any]) -> str:
    """Return a schema as it is written."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(text_of(schema()))
