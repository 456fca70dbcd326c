"""Nobody who relies on the OpenAPI document of the last release has to change; and each kind of break is seen."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.contract.catalogue_documents import last_release
from tests.contract.rest.golden import RELEASED, bare, document, released
from tests.contract.rest.openapi_rules import differences

HELD: Final = json.loads(RELEASED.read_text())
BUY: Final = "/v1/purchases"
BULK: Final = "/v1/purchases/bulk"
Told = dict[str, Any]
Change = Callable[[Told], object]


def schema(told: Told, name: str) -> Told:
    """Return a schema by its name."""
    found: Told = told["components"]["schemas"][name]
    return found


def member(told: Told, name: str, field: str) -> Told:
    """Return the schema of a member of one."""
    found: Told = schema(told, name)["properties"][field]
    return found


def operation(told: Told, method: str = "post", path: str = BUY) -> Told:
    """Return an operation."""
    found: Told = told["paths"][path][method]
    return found


def answer(told: Told, status: str = "201") -> Told:
    """Return what recording a purchase is answered with."""
    found: Told = operation(told)["responses"][status]
    return found


def parameter(told: Told, name: str, method: str = "get", path: str = BUY) -> Told:
    """Return a parameter of a list."""
    [found] = [one for one in operation(told, method, path)["parameters"] if one["name"] == name]
    told_of: Told = found
    return told_of


def test_nothing_that_was_released_is_broken() -> None:
    """Against the document of the last release: whoever relies on it need not change."""
    assert differences(HELD["document"], document()) == []


def test_the_released_document_is_that_of_the_last_release() -> None:
    """It is written with a release; whoever changes it by hand, to make a break pass, changes its digest too."""
    assert released(last_release(), HELD["document"]) == HELD


def test_what_only_people_read_is_left_out_and_members_of_that_name_are_not() -> None:
    """A member may be called `description`, and is as binding as any."""
    told = {
        "description": "x",
        "properties": {"description": {"type": "string", "title": "y"}, "title": {"type": "null"}},
    }
    assert bare(told) == {"properties": {"description": {"type": "string"}, "title": {"type": "null"}}}


@pytest.mark.parametrize(
    "change, complaint",
    [
        pytest.param(lambda told: told["paths"].pop(BULK), f"POST {BULK} is gone", id="path"),
        pytest.param(lambda told: told["paths"][BUY].pop("get"), f"GET {BUY} is gone", id="operation"),
        pytest.param(lambda told: operation(told).update(operationId="buy"), "its name was createPurchase", id="name"),
        pytest.param(
            lambda told: operation(told).update(security=[{"api_key": ["purchases:all"]}]),
            "its scope was purchases:write, and is purchases:all",
            id="scope",
        ),
        pytest.param(
            lambda told: operation(told, "get")["parameters"].remove(parameter(told, "currency")),
            f"GET {BUY}: currency is gone",
            id="parameter",
        ),
        pytest.param(
            lambda told: parameter(told, "currency").update(required=True),
            "currency is required",
            id="parameter-required",
        ),
        pytest.param(
            lambda told: operation(told, "get")["parameters"].append(
                {"in": "query", "name": "shop", "required": True, "schema": {"type": "string"}}
            ),
            "shop is new, and required",
            id="parameter-new",
        ),
        pytest.param(
            lambda told: parameter(told, "limit")["schema"].update(maximum=100),
            "limit: its maximum was 200",
            id="maximum",
        ),
        pytest.param(
            lambda told: parameter(told, "limit")["schema"].update(minimum=2), "limit: its minimum was 1", id="minimum"
        ),
        pytest.param(
            lambda told: parameter(told, "limit")["schema"].update(default=10),
            "limit: without it 50 was meant",
            id="default",
        ),
        pytest.param(
            lambda told: operation(told)["requestBody"]["content"].update(
                {"text/csv": operation(told)["requestBody"]["content"].pop("application/json")}
            ),
            "application/json is not taken any more",
            id="kind-taken",
        ),
        pytest.param(
            lambda told: schema(told, "PurchaseBody")["properties"].pop("reference"),
            "body/reference is gone",
            id="taken",
        ),
        pytest.param(
            lambda told: schema(told, "PurchaseBody")["required"].append("reference"),
            "body/reference is required",
            id="required",
        ),
        pytest.param(
            lambda told: (
                schema(told, "PurchaseBody")["properties"].update(till={"type": "string"}),
                schema(told, "PurchaseBody")["required"].append("till"),
            ),
            "body/till is required",
            id="required-and-new",
        ),
        pytest.param(
            lambda told: member(told, "PurchaseBody", "lines").update(maxItems=10),
            "lines: its maxItems was 100",
            id="items",
        ),
        pytest.param(
            lambda told: member(told, "LineBody", "amount_minor").update(type="integer"),
            "body/lines/*/amount_minor: string is not taken any more",
            id="type-taken",
        ),
        pytest.param(
            lambda told: member(told, "LineBody", "amount_minor").update(pattern="^1$"),
            "body/lines/*/amount_minor: its pattern was",
            id="pattern",
        ),
        pytest.param(
            lambda told: member(told, "PurchaseBody", "reference").update(oneOf=[{"type": "string"}]),
            "reference: null is not taken any more",
            id="null-taken",
        ),
        pytest.param(
            lambda told: schema(told, "DocumentBody")["properties"]["document"].update(additionalProperties=False),
            "it takes no further members",
            id="closed",
        ),
        pytest.param(
            lambda told: schema(told, "Verdict")["enum"].remove("reject"), "verdict: reject is gone", id="value-taken"
        ),
        pytest.param(
            lambda told: operation(told)["responses"].update({"200": operation(told)["responses"].pop("201")}),
            "its status was 201, and is 200",
            id="status",
        ),
        pytest.param(lambda told: answer(told)["headers"].pop("Location"), "201 has no Location any more", id="header"),
        pytest.param(
            lambda told: answer(told)["content"].update({"text/csv": answer(told)["content"].pop("application/json")}),
            "201 is application/json no more",
            id="kind",
        ),
        pytest.param(
            lambda told: schema(told, "PurchaseAnswer")["properties"].pop("currency"),
            "201/currency is gone",
            id="member",
        ),
        pytest.param(
            lambda told: schema(told, "PurchaseAnswer")["required"].remove("currency"),
            "201/currency is not always there any more",
            id="not-required",
        ),
        pytest.param(
            lambda told: member(told, "PurchaseAnswer", "id").update(type="integer"),
            "201/id: integer may be answered now",
            id="type",
        ),
        pytest.param(
            lambda told: schema(told, "PurchaseAnswer")["properties"].update(
                currency={"oneOf": [{"type": "string"}, {"type": "null"}]}
            ),
            "201/currency: null may be answered now",
            id="null",
        ),
        pytest.param(
            lambda told: member(told, "PurchaseAnswer", "occurred_at").pop("format"),
            "201/occurred_at: its format was date-time, and is None",
            id="format",
        ),
        pytest.param(
            lambda told: schema(told, "RefundState")["enum"].remove("parked"), "state: parked is gone", id="value"
        ),
        pytest.param(
            lambda told: schema(told, "Problem")["properties"].pop("code"), "404/code is gone", id="member-of-a-problem"
        ),
    ],
)
def test_a_planted_break_is_seen(change: Change, complaint: str) -> None:
    """Each in the sentence that names it."""
    new = deepcopy(HELD["document"])
    change(new)
    found = differences(HELD["document"], new)
    assert any(re.search(re.escape(complaint), each) for each in found), found


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda told: told["paths"].update({"/v1/x": told["paths"][BULK]}), id="operation"),
        pytest.param(
            lambda told: operation(told, "get")["parameters"].append(
                {"in": "query", "name": "shop", "required": False, "schema": {"type": "string"}}
            ),
            id="parameter",
        ),
        pytest.param(lambda told: parameter(told, "limit")["schema"].update(maximum=500), id="wider-parameter"),
        pytest.param(
            lambda told: schema(told, "PurchaseBody")["properties"].update(till={"type": "string"}), id="taken"
        ),
        pytest.param(lambda told: schema(told, "PurchaseBody")["required"].remove("currency"), id="not-required"),
        pytest.param(lambda told: schema(told, "Verdict")["enum"].append("wait"), id="value-taken"),
        pytest.param(
            lambda told: schema(told, "PurchaseAnswer")["properties"].update(till={"type": "null"}), id="member"
        ),
        pytest.param(lambda told: schema(told, "PurchaseAnswer")["required"].append("lines"), id="always-there"),
        pytest.param(lambda told: schema(told, "RefundState")["enum"].append("waiting"), id="value"),
        pytest.param(lambda told: answer(told)["headers"].update({"ETag": {}}), id="header"),
        pytest.param(lambda told: operation(told)["responses"].pop("413"), id="problem"),
        pytest.param(lambda told: schema(told, "PurchaseBody").update(description="Better said."), id="words"),
    ],
)
def test_what_may_come_is_let_pass(change: Change) -> None:
    """Operations, members, values, headers, wider bounds, patterns that let in the same, and better words."""
    new = deepcopy(HELD["document"])
    change(new)
    assert differences(HELD["document"], new) == []
