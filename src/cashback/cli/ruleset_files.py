"""Rulesets as JSON files."""

from pathlib import Path
from typing import Any


def rules_of_file(file: Path) -> Any:  # noqa: ANN401  # imported late
    """Return the ruleset of a file.

    Raises:
        BodyInvalid, JsonMalformed: it is none; the detail says where.
    """
    from cashback.kernel.http.body import BodyInvalid, decode_body
    from cashback.ledger import RulesetDocument

    try:
        return decode_body(file.read_bytes(), RulesetDocument)
    except BodyInvalid as problem:
        raise BodyInvalid(f"{problem.detail} ({problem.fields.get('pointer') or 'the document'})") from problem
