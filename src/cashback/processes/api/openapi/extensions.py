"""Members of problems that belong to a code (RFC 9457, section 3.2): problems.toml names them, the document their form.

Each is optional. A problem of a bulk or a stream has them as one that is told by itself has.
"""

from collections.abc import Mapping
from typing import Any, Final

from cashback.kernel.money import AMOUNT_PATTERN
from cashback.processes.api.problems import KnownProblem

_FORMS: Final[Mapping[str, Mapping[str, object]]] = {
    "left_minor": {"type": "string", "pattern": AMOUNT_PATTERN},
    "problems": {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}},
    "retry_after_s": {"type": "integer"},
    "seal": {"type": "integer"},
    "secret_version": {"type": "integer"},
}
"""The form of those that are more than a text."""


def add_extensions(document: dict[str, Any], problems: Mapping[str, KnownProblem]) -> None:
    """Have the schema of problems tell of the members of each of the `problems`, behind those that all have."""
    told: dict[str, dict[str, list[str]]] = {}
    for code, problem in problems.items():
        for name, means in problem.members.items():
            told.setdefault(name, {}).setdefault(means, []).append(f"`{code}`")
    document["components"]["schemas"]["Problem"]["properties"] |= {
        name: {**_FORMS.get(name, {"type": "string"}), "description": _described(meanings)}
        for name, meanings in sorted(told.items())
    }


def _described(meanings: Mapping[str, list[str]]) -> str:
    """Return what a member means, and with which codes it does.

    >>> _described({"what is left": ["`a`", "`b`"], "all": ["`c`"]})
    'With `a` and `b`: what is left. With `c`: all.'
    """
    return " ".join(f"With {' and '.join(codes)}: {means}." for means, codes in meanings.items())
