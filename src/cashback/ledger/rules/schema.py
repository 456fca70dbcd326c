"""The JSON Schema of a ruleset, for the editors of those who write one."""

from typing import Any

import msgspec

from cashback.kernel.published_patterns import publish_patterns
from cashback.ledger.model.rulesets import Rules

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def ruleset_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) that a ruleset must meet; linting looks at what no schema can say."""
    told = {"$schema": DIALECT, "title": "Cashback ruleset", **msgspec.json.schema(Rules)}
    publish_patterns(told)
    return told
