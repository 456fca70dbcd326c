"""Patterns of the schemas of events and rulesets: such as any engine takes, and they let in what the code lets in."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator, RegexOptions

from cashback.events import KINDS
from cashback.events.catalogue import versions_of
from cashback.kernel.published_patterns import publish_patterns, published_pattern
from cashback.ledger.model.rulesets import Rules
from tests.contract.catalogue_documents import ASYNCAPI, RELEASED, SCHEMAS
from tests.contract.catalogue_rules import differences as of_events
from tests.contract.rest.golden import RELEASED as RELEASED_REST
from tests.contract.rest.openapi_rules import differences as of_rest
from tests.contract.rest.test_published_patterns import LOOKS_AROUND, patterns
from tests.contract.ruleset_schema import SCHEMA

PUBLISHED: Final = (ASYNCAPI, SCHEMA, *sorted(SCHEMAS.glob("*.schema.json")))
CHECKED: Final = sorted(
    {
        pattern
        for kind in (Rules, *(form for kind in KINDS for form in versions_of(kind)))
        for part in msgspec.json.schema_components((kind,))
        for pattern in patterns(list(part) if isinstance(part, tuple) else part)
    }
)
"""Each pattern that the code holds events and rulesets against, as the code has it."""


def parts(path: Path) -> Any:  # noqa: ANN401  # any JSON
    """Return a document that is published."""
    return json.loads(path.read_text())


@cache
def linear(pattern: str) -> Draft202012Validator:
    """Return what judges texts by a pattern with an engine that takes linear time and looks around nowhere."""
    return Draft202012Validator({"type": "string", "pattern": pattern}, pattern_options=RegexOptions())


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_no_pattern_needs_an_engine_that_looks_around(path: Path) -> None:
    """RE2, Go's engine and Rust's have no such group: pydantic's models of events would not load."""
    assert [pattern for pattern in patterns(parts(path)) if LOOKS_AROUND.search(pattern)] == []
    for pattern in set(patterns(parts(path))):
        linear(pattern)


def test_what_is_published_is_what_is_checked() -> None:
    """Nothing is left out, and every pattern of the code is among what is looked at here."""
    found = {pattern for path in PUBLISHED for pattern in patterns(parts(path))}
    assert found == {published_pattern(pattern) for pattern in CHECKED}
    assert len(found) >= 8


def texts(pattern: str) -> st.SearchStrategy[str]:
    """Return texts of which a pattern lets some in: those that it means, and such as are nearly so."""
    meant = st.from_regex(published_pattern(pattern), fullmatch=True)
    ends = st.sampled_from(["", "\n", "\r", "\n\n", " ", "0", "x", "\u2028", "\x85"])
    nearly = st.builds(lambda before, text, after: before + text + after, ends, meant, ends)
    return st.one_of(meant, nearly, nearly.map(str.swapcase), st.text(max_size=8))


@pytest.mark.parametrize("pattern", CHECKED)
@given(data=st.data())
@settings(max_examples=60)
def test_the_same_texts_are_let_in(pattern: str, data: st.DataObject) -> None:
    """By the code's pattern with Python's engine, and by the published one with an engine of linear time."""
    text = data.draw(texts(pattern))
    assert linear(published_pattern(pattern)).is_valid(text) == (re.search(pattern, text) is not None)


def test_a_pattern_that_lets_in_more_is_seen() -> None:
    """Python's `$` by itself lets a line feed in at the end, which the published one does not."""
    assert re.search(r"^[A-Z]{3}$", "USD\n")
    assert not linear(r"^[A-Z]{3}$").is_valid("USD\n")
    assert linear(r"^[A-Z]{3}$").is_valid("USD")


def look_ahead(part: Any) -> int:  # noqa: ANN401  # any JSON
    """Have each pattern in a part of a document that ends with `$` look ahead there; return how many there are."""
    if isinstance(part, list):
        return sum(map(look_ahead, part))
    if not isinstance(part, dict):
        return 0
    pattern = part.get("pattern")
    ends = isinstance(pattern, str) and pattern.endswith("$")
    if ends:
        part["pattern"] = f"{pattern}(?!\\n)"
    return ends + sum(map(look_ahead, part.values()))


@pytest.mark.parametrize(
    "path, name, differences",
    [(RELEASED, "catalogue", of_events), (RELEASED_REST, "document", of_rest)],
    ids=["events", "rest"],
)
def test_a_release_whose_patterns_look_ahead_is_none_that_is_broken(
    path: Path, name: str, differences: Callable[[Any, Any], list[str]]
) -> None:
    """The published patterns let in the same texts; one that lets in fewer is a break as before."""
    was = parts(path)[name]
    look_ahead(was)
    now = deepcopy(was)
    assert sum(pattern.endswith(r"$(?!\n)") for pattern in patterns(was)) > 3
    publish_patterns(now)
    assert not any(LOOKS_AROUND.search(pattern) for pattern in patterns(now))
    assert differences(was, now) == []
    narrowed = json.loads(json.dumps(was).replace("{0,18})$(?!\\\\n)", "{0,9})$"))
    assert narrowed != was
    assert differences(was, narrowed) != []
