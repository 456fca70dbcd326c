"""Patterns of the OpenAPI document: such as any engine takes, and what is let in is what they say."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest

from tests.contract.rest.document import assert_problem
from tests.contract.rest.golden import document
from tests.contract.rest.world import Caller

LOOKS_AROUND: Final = re.compile(r"\(\?<?[=!]")


def patterns(part: object) -> Iterator[str]:
    """Yield every pattern in a part of a document."""
    if isinstance(part, dict):
        if isinstance(pattern := part.get("pattern"), str):
            yield pattern
        for each in part.values():
            yield from patterns(each)
    elif isinstance(part, list):
        for each in part:
            yield from patterns(each)


def test_no_pattern_needs_an_engine_that_looks_around() -> None:
    """RE2, Go's engine and Rust's have no such group: pydantic's models and clients in Go would not load."""
    found = list(patterns(document()))
    assert len(found) > 100
    assert [pattern for pattern in found if LOOKS_AROUND.search(pattern)] == []


@pytest.mark.asyncio(loop_scope="module")
async def test_a_line_feed_at_the_end_is_refused_all_the_same(operator: Caller) -> None:
    """Python's `$` alone would let it in: what is checked is what the document says by ECMA-262."""
    body = {"user_id": "usr_1", "amount_minor": "1\n", "currency": "USD", "occurred_at": "2026-03-01T12:00:00Z"}
    refused = await operator.post("/v1/purchases", msgspec.json.encode(body))
    assert_problem(refused, 422, "request_invalid", pointer="/amount_minor")
