"""The examples of the OpenAPI document: each operation has them, they are valid, and the API answers so still."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from jsonschema_rs import Draft202012Validator

from tests.contract.rest.examples.recorder import STORY
from tests.contract.rest.examples.recording import FILE, recorded, text_of
from tests.contract.rest.golden import document
from tests.integration.ledger.world import Dsns

PROBLEM: Final = "application/problem+json"
HOW: Final = f"have {STORY} ask for it, and run `python -m tests.contract.rest.examples`, then `...rest.golden`"
OPTIONAL: Final = {"cursor"}
"""Parameters that only a page before can tell."""


class Schemas:
    """The schemas of a document, each prepared when first asked for: a few serve hundreds of examples."""

    def __init__(self, told: dict[str, Any]) -> None:
        """Prepare none yet."""
        self._components = {"schemas": told["components"]["schemas"]}
        self._prepared: dict[str, Draft202012Validator] = {}

    def faults(self, schema: dict[str, Any], value: object) -> list[str]:
        """Return how a value breaks a schema of the document."""
        name = json.dumps(schema)
        if name not in self._prepared:
            whole = {**schema, "components": self._components}
            self._prepared[name] = Draft202012Validator(whole, validate_formats=True)
        return [f"{error.instance_path}: {error.message}" for error in self._prepared[name].iter_errors(value)]


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Give the document."""
    return document()


@pytest.fixture(scope="module")
def schemas(told: dict[str, Any]) -> Schemas:
    """Give its schemas."""
    return Schemas(told)


def operations(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each operation."""
    for item in told["paths"].values():
        yield from item.values()


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every body that an operation takes or answers with: where, its kind, what the document says of it."""
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "body", kind, content
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            yield status, kind, content


def valued(told: dict[str, Any], content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the examples of a body, by their names."""
    for name, example in content.get("examples", {}).items():
        shared = example.get("$ref", "").rsplit("/", 1)[-1]
        yield name, (told["components"]["examples"][shared] if shared else example)["value"]


def test_every_operation_has_an_example_of_what_it_takes_and_of_each_answer(told: dict[str, Any]) -> None:
    """Of every body and every status, problems too; and of every part of a path and required parameter."""
    missing = [
        f"{operation['operationId']}, {place} {kind}: {HOW}"
        for operation in operations(told)
        for place, kind, content in contents(operation)
        if not content.get("examples") and (operation["operationId"], place) != ("readyz", "503")
    ]
    missing += [
        f"{operation['operationId']}, {parameter['name']}: {HOW}"
        for operation in operations(told)
        for parameter in operation.get("parameters", [])
        if parameter["required"] and "example" not in parameter
    ]
    assert missing == []


def test_every_example_is_valid_by_its_schema(told: dict[str, Any], schemas: Schemas) -> None:
    """Bodies, answers, parameters; and a problem has the status that it stands at."""
    wrong = []
    for operation in operations(told):
        for place, kind, content in contents(operation):
            for name, value in valued(told, content):
                found = [] if kind.startswith("text/") else schemas.faults(content["schema"], value)
                wrong += [f"{operation['operationId']}, {place} {name}: {fault}" for fault in found]
                if kind == PROBLEM:
                    assert (str(value["status"]), value["code"]) == (place, name)
        for parameter in operation.get("parameters", []):
            found = schemas.faults(parameter["schema"], parameter["example"]) if "example" in parameter else []
            wrong += [f"{operation['operationId']}, {parameter['name']}: {fault}" for fault in found]
    assert wrong == []


def test_a_broken_example_is_seen(told: dict[str, Any], schemas: Schemas) -> None:
    """The check above can fail: a member that is missing, an amount that is a number."""
    content = told["paths"]["/v1/purchases"]["post"]["requestBody"]["content"]["application/json"]
    [(_, value)] = valued(told, content)
    assert schemas.faults(content["schema"], value) == []
    assert schemas.faults(content["schema"], {**value, "amount_minor": 1})
    assert schemas.faults(content["schema"], {name: one for name, one in value.items() if name != "user_id"})


def test_no_example_tells_a_secret_of_ours(told: dict[str, Any]) -> None:
    """Keys of the recording open nothing: what stands where a secret would is made of the word example."""
    text = json.dumps(told)
    assert "exampleexample" in text
    assert text.count("cbk_") == text.count("_exampleexample")


async def test_the_api_answers_as_the_examples_tell(dsns: Dsns) -> None:
    """Each is asked anew, in the same order, and answered in the same bytes but for the machine's time.

    `python -m tests.contract.rest.examples` writes them anew; the diff is what callers will see.
    """
    assert text_of(await recorded(dsns)).splitlines() == FILE.read_text().splitlines()
