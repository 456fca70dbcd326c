"""Patterns as JSON Schema has them, which is as ECMA-262 has them (draft 2020-12, 6.4): there `$` is the end alone.

So stand they in every document that is published: that of REST, those of events, and the schema of a ruleset.

Python's `$` matches before a line feed at the end too, which our own patterns keep out by looking ahead. Engines that
promise linear time (RE2, Go's, Rust's) have no such group, and a client that is generated for one would not load.
"""

from typing import Any, Final

_OF_PYTHON: Final = r"$(?!\n)"


def publish_patterns(part: Any) -> None:  # noqa: ANN401  # any part of a document
    """Have every pattern in a part of a document end with `$` alone; the second time changes nothing."""
    if isinstance(part, dict):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            part["pattern"] = published_pattern(pattern)
        for each in part.values():
            publish_patterns(each)
    elif isinstance(part, list):
        for each in part:
            publish_patterns(each)


def published_pattern(pattern: str) -> str:
    r"""Return a pattern of ours as the document tells it.

    >>> published_pattern(r"^[A-Z]{3}$(?!\n)")
    '^[A-Z]{3}$'
    """
    return pattern.removesuffix(_OF_PYTHON) + "$" if pattern.endswith(_OF_PYTHON) else pattern
