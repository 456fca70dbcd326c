"""The ruleset's JSON Schema as it is committed: `python -m tests.contract.ruleset_schema` writes it anew."""

import json
from pathlib import Path
from typing import Final

from cashback.ledger.rules.schema import ruleset_schema

SCHEMA: Final = Path(__file__).parents[2] / "docs" / "ruleset.schema.json"


def text_of_schema() -> str:
    """Return the schema as it is written."""
    return json.dumps(ruleset_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text_of_schema())
