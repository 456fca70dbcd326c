"""Which scope each operation asks for: one for everything that needs a key, and none too many."""

import re
from typing import Any, Final

import pytest

from cashback.processes.api import SCOPES
from tests.contract.rest.golden import document

READING_BY_POST: Final = {"simulateRuleset", "backtestRuleset", "lintDraft"}
"""Commands that leave nothing behind."""

CHANGING_BY_GET: Final = {"showWebhookSecret"}
"""What is told there signs in our name."""


@pytest.fixture(scope="module")
def methods() -> dict[str, str]:
    """Give the method of each operation that needs a key, by its name."""
    told: dict[str, Any] = document()
    return {
        operation["operationId"]: method
        for item in told["paths"].values()
        for method, operation in item.items()
        if "security" in operation
    }


def test_each_operation_that_needs_a_key_has_a_scope(methods: dict[str, str]) -> None:
    """None is forgotten, and none is left of what was taken away; what is open to everybody has none."""
    assert set(SCOPES) == set(methods)


def test_a_scope_names_a_subject_and_whether_it_is_changed(methods: dict[str, str]) -> None:
    """A key for reading changes nothing, whatever the method says; the exceptions are few, and named here."""
    for operation, scope in SCOPES.items():
        assert re.fullmatch(r"[a-z]+:(read|write)", scope)
        is_changing = methods[operation] == "post"
        if operation in READING_BY_POST | CHANGING_BY_GET:
            is_changing = not is_changing
        assert scope.endswith(":write") is is_changing, operation
