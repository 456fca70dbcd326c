"""The examples of problems: each is one that its operation may answer with, about what that operation has."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import pytest

from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference.document import Operation, read
from cashback.processes.api.reference.operations import may_come
from tests.contract.rest.golden import document

ABOUT_BODIES: Final = {"json_malformed", "json_member_repeated", "body_too_large", "media_type_unsupported"}
LINE: Final = {"$ref": "#/components/schemas/PurchaseBody"}
"""What a line of a stream is: pointers lead into it."""

NO_SUCH_PARAMETER: Final = "this route knows no such parameter"
"""Told of a name that an operation cannot have; of one that asks nothing by its query, it is all that can be wrong."""

Told = dict[str, Any]


@pytest.fixture(scope="module")
def told() -> Told:
    """Give the document."""
    return document()


def examples(told: Told) -> Iterator[tuple[Operation, Told]]:
    """Yield every example of a problem, with the operation that it stands at."""
    for operation in read(told).operations:
        for answer in operation.refused:
            for content in answer.contents:
                yield from ((operation, {**example.value}) for example in content.examples)


def leads_somewhere(told: Told, schema: Mapping[str, Any], steps: list[str]) -> bool:
    """Tell whether a pointer leads to something that a schema has."""
    if "$ref" in schema:
        return leads_somewhere(told, told["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], steps)
    several = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]
    if not steps or any(leads_somewhere(told, one, steps) for one in several):
        return True
    if schema.get("type") == "array":
        return steps[0].isdecimal() and leads_somewhere(told, schema["items"], steps[1:])
    within = schema.get("properties", {}).get(steps[0])
    return within is not None and leads_somewhere(told, within, steps[1:])


def complaints(told: Told, operation: Operation, problem: Told) -> Iterator[str]:
    """Yield what of an example is not its operation's."""
    code = problem["code"]
    if code in known_problems() and not may_come(known_problems()[code], problem["status"], operation):
        yield f"{code} never comes there"
    if "scope" in problem and problem["scope"] not in (operation.scopes or ()):
        yield f"its scope is {operation.scopes}, not {problem['scope']}"
    if not operation.bodies and code in ABOUT_BODIES:
        yield f"{code} without a body"
    forms = [one.schema if one.schema.get("type") != "string" else LINE for one in operation.bodies]
    queries = [one for one in operation.parameters if one.place == "query"]
    for place in problem.get("errors", [problem]):
        pointer, parameter = place.get("pointer"), place.get("parameter")
        if pointer is not None and not any(leads_somewhere(told, form, pointer.split("/")[1:]) for form in forms):
            yield f"no body has {pointer}"
        is_of_none = not queries and place["detail"] == NO_SUCH_PARAMETER
        if parameter is not None and not is_of_none and parameter not in {one.name for one in operation.parameters}:
            yield f"there is no parameter {parameter}"


def test_each_problem_is_about_what_its_operation_has(told: Told) -> None:
    """No other scope, no pointer or parameter of another operation, no body where none is taken."""
    wrong = [
        f"{operation.id}: {complaint}"
        for operation, problem in examples(told)
        for complaint in complaints(told, operation, problem)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param({"code": "scope_missing", "status": 403, "scope": "merchants:write"}, id="scope"),
        pytest.param({"code": "request_invalid", "status": 422, "pointer": "/amount_minor"}, id="pointer"),
        pytest.param({"code": "request_invalid", "status": 422, "parameter": "cursors"}, id="parameter"),
        pytest.param({"code": "body_too_large", "status": 413}, id="body"),
        pytest.param({"code": "purchase_exists", "status": 409}, id="code"),
        pytest.param(
            {"code": "request_invalid", "status": 422, "errors": [{"detail": NO_SUCH_PARAMETER, "parameter": "x"}]},
            id="one-of-several",
        ),
    ],
)
def test_what_is_anothers_is_seen(told: Told, planted: Told) -> None:
    """The check above can fail: a list of purchases has none of these."""
    operation = next(one for one in read(told).operations if one.id == "listPurchases")
    assert list(complaints(told, operation, {"detail": "x", **planted}))


def test_what_is_told_in_the_same_words_is_told_once(told: Told) -> None:
    """Or the document would grow with each operation."""
    shared = [msgspec.json.encode(one["value"]) for one in told["components"]["examples"].values()]
    assert len(shared) == len(set(shared))
    referred = json.dumps(told["paths"]).count("#/components/examples/")
    assert len(shared) < referred / 4
