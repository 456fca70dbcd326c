"""Examples in the reference: those of the document, as they stand, and as commands of curl that send them."""

import json
import re
import shlex
from collections import Counter
from typing import Any, Final

import pytest

from cashback.processes.api.reference import pages_of
from cashback.processes.api.reference.document import Operation, read
from cashback.processes.api.reference.samples import Command, command_of
from tests.contract.rest.golden import document
from tests.contract.rest.html import Seen


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Give the document."""
    return document()


KEY: Final = re.compile(r"Idempotency-Key: ([^'\n]+)'")
REQUEST: Final = {"user_id": "usr_1", "reference": "it's <b>", "amount_minor": "1999"}
ANSWER: Final[dict[str, Any]] = {"id": "pur_1", "lines": [], "reference": None}
REFUSAL: Final = {"code": "purchase_exists", "status": 409}


@pytest.fixture(scope="module")
def planted(told: dict[str, Any]) -> dict[str, Any]:
    """Give the document with examples and links at one operation, and words that look like marks."""
    copy: dict[str, Any] = json.loads(json.dumps(told))
    one = copy["paths"]["/v1/purchases"]["post"]
    one["description"] = "A <script>alert(1)</script> & `code`."
    one["parameters"][0]["example"] = "order '1'"
    one["requestBody"]["content"]["application/json"]["examples"] = {"first": {"value": REQUEST, "summary": "A shoe"}}
    done, refused = one["responses"]["201"], one["responses"]["409"]
    done["content"]["application/json"]["examples"] = {"first": {"value": ANSWER}}
    done["links"] = {
        "show": {
            "operationId": "showPurchase",
            "parameters": {"purchase_id": "$response.body#/id"},
            "description": "Look.",
        }
    }
    refused["content"]["application/problem+json"]["examples"] = {"taken": {"$ref": "#/components/examples/taken"}}
    refused["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    copy["components"]["examples"]["taken"] = {"value": REFUSAL}
    listing = copy["paths"]["/v1/purchases"]["get"]
    next(each for each in listing["parameters"] if each["name"] == "reference")["example"] = "a&b c"
    copy["paths"]["/v1/purchases/{purchase_id}"]["get"]["parameters"][0]["example"] = "pur_1"
    copy["tags"] = [{"name": "Refunds", "description": "What goes back."}]
    return copy


def test_examples_are_told_as_they_stand(planted: dict[str, Any]) -> None:
    """What is sent and answered, problems too; and what is asked next of an answer."""
    pages = pages_of(planted)
    page = Seen(pages["/docs/purchases"].content.decode())
    documents = [json.loads(sample) for sample in page.samples if sample.startswith("{\n")]
    assert [each for each in (REQUEST, ANSWER, REFUSAL) if each not in documents] == []
    text = page.texts["createPurchase"]
    assert ("A shoe" in text, "409 purchase_exists" in text, "What may come next" in text) == (True, True, True)
    assert "with id as purchase_id: Look." in text
    assert "/docs/purchases#showPurchase" in page.addresses
    assert "A <script>alert(1)</script> & code." in text
    assert b"<script" not in pages["/docs/purchases"].content
    assert "What goes back." in Seen(pages["/docs/refunds"].content.decode()).texts["text"]


def test_a_command_of_curl_sends_the_example(planted: dict[str, Any]) -> None:
    """As a shell takes it apart: address, key, headers and body, whatever marks of its own these have."""
    operations = {operation.id: operation for operation in read(planted).operations}
    create = operations["createPurchase"]
    words = typed(command_of(create, create.bodies[0], create.bodies[0].examples[0]))
    assert words[:4] == ["curl", "$CASHBACK_API_URL/v1/purchases", "--oauth2-bearer", "$CASHBACK_API_KEY"]
    assert words[4:7] == ["-H", "Idempotency-Key: order '1'", "--json"]
    assert json.loads(words[7]) == REQUEST
    assert "reference=a%26b%20c" in typed(command_of(operations["listPurchases"], None, None))[1]
    assert "/v1/purchases/pur_1" in typed(command_of(operations["showPurchase"], None, None))[1]


def test_no_two_commands_have_one_key(told: dict[str, Any]) -> None:
    """Whoever types them in turn asks for another thing each time: under one key the second is another request's."""
    pages = [page.content.decode() for page in pages_of(told).values() if page.media_type == "text/html"]
    commands = [sample for page in pages for sample in Seen(page).samples if sample.startswith("curl")]
    keys = Counter(key for command in commands for key in KEY.findall(command))
    assert keys["createRefund-4"] == 1
    assert len(keys) > 50
    assert [key for key, times in keys.items() if times > 1] == []


def typed(asked: Command) -> list[str]:
    """Return a command as a shell takes it apart; a line that ends with a backslash goes on."""
    return shlex.split(asked.whole.replace("\\\n", ""))


def test_a_command_without_examples_says_what_is_missing(told: dict[str, Any]) -> None:
    """In capitals, or as a file that whoever types it writes."""
    bare: dict[str, Any] = json.loads(json.dumps(told))
    for item in bare["paths"].values():
        for one in item.values():
            for part in (*one.get("parameters", []), *one.get("requestBody", {}).get("content", {}).values()):
                part.pop("example", None), part.pop("examples", None)
    operations = {operation.id: operation for operation in read(bare).operations}
    assert command(operations["showPurchase"]) == [
        *("curl", "$CASHBACK_API_URL/v1/purchases/PURCHASE_ID", "--oauth2-bearer", "$CASHBACK_API_KEY")
    ]
    assert command(operations["createUser"])[-4:] == ["-H", "Idempotency-Key: order-1", "--json", "@body.json"]
    assert command(operations["streamPurchases"])[-2:] == ["--data-binary", "@body.ndjson"]
    assert command(operations["livez"]) == ["curl", "$CASHBACK_API_URL/livez"]


def command(operation: Operation) -> list[str]:
    """Return the words of the command that asks an operation without examples."""
    return typed(command_of(operation, next(iter(operation.bodies), None), None))
