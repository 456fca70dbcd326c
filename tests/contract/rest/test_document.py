"""The OpenAPI document: valid, complete, committed, and the one that is served."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator
from litestar.routes import HTTPRoute

from cashback.processes.api import SCOPES
from tests.contract.rest.document import Document
from tests.contract.rest.golden import GOLDEN, document, text_of
from tests.contract.rest.world import Rest

# The OpenAPI Initiative's own schema of OpenAPI 3.1 documents (Apache-2.0).
SCHEMA = Path(__file__).with_name("openapi-3.1.schema.json")
STATEMENT = "/v1/users/{user_id}/statement"
OPEN = {"/livez", "/readyz"}
LOOKED_AT = {
    "/v1/merchants/{merchant_id}",
    "/v1/ruleset-drafts/{draft_id}",
    "/v1/ruleset-drafts/{draft_id}/publish",
    "/v1/users/{user_id}",
    "/v1/webhooks/endpoints/{endpoint_id}",
}
LOOKED_AT_IF_TOLD = {
    "/v1/merchants/{merchant_id}/activate",
    "/v1/merchants/{merchant_id}/deactivate",
    "/v1/merchants/{merchant_id}/facts",
    "/v1/ruleset-drafts/{draft_id}/discard",
    "/v1/users/{user_id}/block",
    "/v1/users/{user_id}/tier",
    "/v1/users/{user_id}/unblock",
    "/v1/users/{user_id}/wallet",
    "/v1/webhooks/endpoints/{endpoint_id}/disable",
    "/v1/webhooks/endpoints/{endpoint_id}/enable",
}
TAGGED = {
    "/v1/campaigns/{campaign_id}",
    "/v1/merchants/{merchant_id}",
    "/v1/programmes/current",
    "/v1/programmes/{programme_id}",
    "/v1/ruleset-drafts/{draft_id}",
    "/v1/users/{user_id}",
    "/v1/webhooks/endpoints/{endpoint_id}",
}
"""What an edit must have been made for, or says if it is told; and what is told with the tag that it is made for."""

LINES = {"/v1/purchases/stream"}
MONEY = re.compile(r"(amount|budget|desired|left|units|supply|number|_minor)(_|$)")


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Give the document."""
    return document()


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation."""
    for path, item in told["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_the_committed_document_is_the_present_one(told: dict[str, Any]) -> None:
    """`python -m tests.contract.rest.golden` writes it anew; its diff is what changes for those who call us."""
    assert GOLDEN.read_text() == text_of(told), "docs/openapi.json is old"


def test_the_document_is_valid_openapi(told: dict[str, Any]) -> None:
    """By the schema that the OpenAPI Initiative publishes, and each of our schemas by JSON Schema's own."""
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(told)] == []
    for schema in told["components"]["schemas"].values():
        Draft202012Validator({**schema, "components": told["components"]})


def test_a_broken_document_is_seen(told: dict[str, Any]) -> None:
    """The check above can fail."""
    broken = {**told, "paths": {"/v1/x": {"get": {"responses": {"200": {}}}}}}
    assert not Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid(broken)


def test_every_reference_leads_somewhere(told: dict[str, Any]) -> None:
    """And every schema is led to."""
    for kind in ("schemas", "headers"):
        named = set(re.findall(rf"#/components/{kind}/([^\"]+)", json.dumps(told)))
        assert named == set(told["components"][kind])


def test_a_page_tells_what_it_is_of(told: dict[str, Any]) -> None:
    """Its items are of a schema with a name, or whoever generates a client gets objects without members."""
    schemas = told["components"]["schemas"]
    pages = {name: schema["properties"]["items"] for name, schema in schemas.items() if name.endswith("Page")}
    assert len(pages) >= 10
    assert [name for name, items in pages.items() if set(items["items"]) != {"$ref"}] == []
    assert pages["DebtorPage"] == {"type": "array", "items": {"$ref": "#/components/schemas/DebtorStory"}}


@pytest.mark.asyncio(loop_scope="module")
async def test_every_route_is_documented(rest: Rest, told: dict[str, Any]) -> None:
    """All but the document itself and the pages; HEAD and OPTIONS go without saying."""
    routes = {
        (route.path_format, method.lower())
        for route in rest.app.routes
        if isinstance(route, HTTPRoute) and not route.path.startswith(("/openapi", "/docs"))
        for method in route.methods
        if method not in {"OPTIONS", "HEAD"}
    }
    assert {(path, method) for path, method, _ in operations(told)} == routes


def test_every_operation_has_a_name_a_summary_and_a_place(told: dict[str, Any]) -> None:
    """Names are what generated clients call their functions: unique and stable."""
    names = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(set(names)) == len(names)
    for _, _, operation in operations(told):
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", operation["operationId"])
        assert operation["summary"]
        assert operation["description"]
        assert len(operation["tags"]) == 1


def test_every_tag_is_described(told: dict[str, Any]) -> None:
    """Once, and there is none that no operation has."""
    named = {operation["tags"][0] for _, _, operation in operations(told)}
    assert {tag["name"]: bool(tag["description"]) for tag in told["tags"]} == dict.fromkeys(named, True)
    assert len(told["tags"]) == len(named)


def test_what_answers_tell_beside_their_bodies_is_documented(told: dict[str, Any]) -> None:
    """What is left of a key's allowance, when to ask again, how a key is presented; none is on every answer."""
    for path, _, operation in operations(told):
        of = {status: response.get("headers", {}).keys() for status, response in operation["responses"].items()}
        if path in OPEN:
            assert not any(of.values())
            continue
        [success] = [status for status in of if status < "300"]
        assert of[success] >= {"RateLimit", "RateLimit-Policy"}
        assert of["429"] >= {"RateLimit", "RateLimit-Policy", "Retry-After"}
        assert all("Retry-After" in of[status] for status in ("409", "503") if status in of)
        assert of["401"] == of["403"] == {"WWW-Authenticate"}
    assert not any(header["required"] for header in told["components"]["headers"].values())


def test_every_operation_but_the_open_ones_needs_a_key(told: dict[str, Any]) -> None:
    """The scheme is documented once, and beside it the scope that a key must have been made for."""
    assert told["components"]["securitySchemes"]["api_key"]["scheme"] == "bearer"
    for path, _, operation in operations(told):
        assert operation.get("security") == (
            None if path in OPEN else [{"api_key": [SCOPES[operation["operationId"]]]}]
        )


def test_every_command_documents_its_idempotency_key(told: dict[str, Any]) -> None:
    """Required on every POST, and on nothing else; what changes what was looked at names that as well.

    And what is told with a tag may be asked for unless it is still that.
    """
    for path, method, operation in operations(told):
        headers = [one for one in operation.get("parameters", []) if one["in"] == "header"]
        wanted = [("Idempotency-Key", True)] if method == "post" else []
        if path in LOOKED_AT | LOOKED_AT_IF_TOLD and method == "post":
            wanted.append(("If-Match", path in LOOKED_AT))
            assert "412" in operation["responses"]
        assert ("428" in operation["responses"]) == (("If-Match", True) in wanted)
        if path in TAGGED and method == "get":
            wanted.append(("If-None-Match", False))
            assert "ETag" in operation["responses"]["200"]["headers"]
        assert ("304" in operation["responses"]) == (path in TAGGED and method == "get")
        assert [(one["name"], one["required"]) for one in headers] == wanted


def test_every_operation_documents_its_problems(told: dict[str, Any]) -> None:
    """Those that any may meet, those of its kind, and each as a problem document."""
    for path, method, operation in operations(told):
        if path in OPEN:
            continue
        expected = {"400", "401", "403", "422", "500", "503"}
        expected |= {"201", "409", "413", "415"} if method == "post" else {"200"}
        expected |= {"404"} if "{" in path or path == "/v1/purchases" else set()
        assert expected <= set(operation["responses"]), path
        for status, response in operation["responses"].items():
            if status == "304":
                assert "content" not in response
                continue
            kinds = {"application/json"} if status < "300" else {"application/problem+json"}
            kinds |= {"text/csv; charset=utf-8"} if (path, status) == (STATEMENT, "200") else set()
            assert set(response["content"]) == kinds
            if status >= "300":
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_amount_is_a_string_of_digits(told: dict[str, Any]) -> None:
    """No JSON reader rounds a string; and no schema has a number that is not whole."""
    schemas = told["components"]["schemas"]
    amounts = {
        (name, field): schema
        for name, one in schemas.items()
        for field, schema in one.get("properties", {}).items()
        if MONEY.search(field)
    }
    assert len(amounts) > 15
    for (name, field), schema in amounts.items():
        kinds = schema.get("oneOf", [schema])
        if "$ref" not in kinds[0]:
            assert kinds[0]["type"] == "string", (name, field)
            assert "pattern" in kinds[0] or "pattern" in schema, (name, field)
    assert '"type": "number"' not in json.dumps(told)


def test_every_body_is_closed(told: dict[str, Any]) -> None:
    """What no field is named is refused, and the document says so."""
    schemas = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for path, method, operation in operations(told)
        if method == "post" and path not in LINES
    ]
    bodies = [each["$ref"].rsplit("/", 1)[1] for schema in schemas for each in schema.get("oneOf", [schema])]
    for name in bodies:
        assert told["components"]["schemas"][name]["additionalProperties"] is False
        assert told["components"]["schemas"][name]["description"]


def test_a_body_of_lines_is_told_by_its_kind(told: dict[str, Any]) -> None:
    """No other is one, and each says what a line is."""
    bodies = {path: one["requestBody"] for path, method, one in operations(told) if method == "post"}
    assert {path for path, body in bodies.items() if "application/json" not in body["content"]} == LINES
    for path in LINES:
        [(kind, content)] = bodies[path]["content"].items()
        assert (kind, bodies[path]["required"], content["schema"]["type"]) == ("application/x-ndjson", True, "string")


def test_the_judge_of_answers_can_find_fault(told: dict[str, Any]) -> None:
    """An answer with an amount as a number, of an undocumented status, or of another type is complained of."""
    judge = Document(told)
    request = httpx.Request("GET", "http://api/v1/merchants/mer_1")
    good = {
        "id": "mer_1",
        "name": "Shop",
        "is_active": True,
        "created_at": "2026-03-01T12:00:00Z",
        "mcc": None,
        "owners": [],
    }
    for status, body, content_type in (
        (200, {**good, "created_at": "yesterday"}, "application/json"),
        (200, {**good, "name": 7}, "application/json"),
        (418, good, "application/json"),
        (404, good, "application/json"),
        (404, good, "application/problem+json"),
    ):
        response = httpx.Response(
            status, content=json.dumps(body), headers={"content-type": content_type}, request=request
        )
        assert judge.complaints(response)
    assert not judge.complaints(
        httpx.Response(200, content=json.dumps(good), headers={"content-type": "application/json"}, request=request)
    )
