"""The published JSON Schema of a ruleset: valid, committed, and no other than what is decoded."""

import json
from random import Random

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator

from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.engine import canonical
from tests.contract.ruleset_schema import SCHEMA, text_of_schema
from tests.support.engine import anything

SMALLEST = {"rules": [{"id": "base", "campaign": "cmp_a", "earns": {"kind": "percent", "rate_bps": 150}}]}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """Give the committed schema as a validator."""
    return Draft202012Validator(json.loads(SCHEMA.read_text()))


def test_the_committed_schema_is_the_present_one() -> None:
    """`python -m tests.contract.ruleset_schema` writes it anew; its diff is what rulesets may say otherwise."""
    assert SCHEMA.read_text() == text_of_schema(), "docs/ruleset.schema.json is old"


def test_every_ruleset_that_is_written_meets_the_schema(validator: Draft202012Validator) -> None:
    """What one side writes the other reads."""
    for seed in range(200):
        rules = anything(Random(seed)).rules  # noqa: S311 - a seed, no secret
        assert rules is not None
        validator.validate(json.loads(canonical(rules)))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"rules": []}, id="no-rule"),
        pytest.param({"surprise": 1}, id="unknown-field"),
        pytest.param({"limits": {"user_day": 5}}, id="amount-as-number"),
        pytest.param({"gates": {"without_mccs": ["541"]}}, id="three-digits"),
        pytest.param({"tiers": [{"id": "Gold", "multiplier_bps": 1}]}, id="capital"),
        pytest.param({"checks": [{"kind": "mood", "above": 1, "action": "pass"}]}, id="unknown-check"),
    ],
)
def test_schema_and_decoder_refuse_alike(validator: Draft202012Validator, change: dict[str, object]) -> None:
    """An editor that follows the schema finds what the decoder would refuse."""
    assert validator.is_valid(SMALLEST)
    msgspec.convert(SMALLEST, Rules)
    broken = SMALLEST | change
    assert not validator.is_valid(broken)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(broken, Rules)
