"""A body that need not say anything need not be there: nothing is then what `{}` is, and stays 400 everywhere else."""

from typing import Any, Final

import pytest

from cashback.kernel.http.commands import REPLAYED
from tests.contract.rest.document import assert_problem
from tests.contract.rest.golden import document
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS: Final = "/v1/webhooks/endpoints"
JSON: Final = "application/json"


def bodies() -> dict[str, tuple[dict[str, Any], bool]]:
    """Return the schema of each body of JSON by the path that it is sent to, and whether it has to be there."""
    told = document()
    schemas = told["components"]["schemas"]
    found = {}
    for path, item in told["paths"].items():
        for body in [
            one["requestBody"] for one in item.values() if JSON in one.get("requestBody", {}).get("content", {})
        ]:
            schema = body["content"][JSON]["schema"]
            found[path] = (schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema, body["required"])
    return found


async def test_the_document_says_which_bodies_may_be_left_out() -> None:
    """Those that have no member: of any other, somebody may have sent one that was lost on the way."""
    known = bodies()
    optional = {path for path, (_, is_required) in known.items() if not is_required}
    assert optional == {path for path, (one, _) in known.items() if one.get("properties") == {}}
    assert len(known) - len(optional) > 30 > len(optional) > 3


async def test_nothing_is_what_an_empty_object_is(operator: Caller) -> None:
    """Under one key, and whether or not the request says how long its body is; what is JSON of nothing is none."""
    made = (await operator.post(ENDPOINTS, {"url": "https://shop.example/hook", "types": ["purchase.created"]})).json()
    path = f"{ENDPOINTS}/{made['id']}/disable"
    for first, again in ((b"", b"{}"), (b"{}", b"")):
        key = new_key()
        answer = await operator.post(path, first, key=key)
        assert (answer.status_code, answer.json()["state"]) == (201, "disabled")
        repeated = await operator.post(path, again, key=key)
        assert (repeated.content, repeated.headers[REPLAYED]) == (answer.content, "true")
    bare = await operator.ask("POST", path, headers={"Idempotency-Key": new_key()})
    assert (bare.status_code, bare.json()["state"]) == (201, "disabled")

    async def nothing() -> Any:  # noqa: ANN401  # an asynchronous generator of bytes
        """Yield an empty body in parts."""
        yield b""

    in_parts = await operator.http.post(path, headers={"Idempotency-Key": new_key()}, content=nothing())
    assert in_parts.status_code == 201
    for blank in (b" ", b"null", b"[]"):
        assert (await operator.post(path, blank)).status_code in (400, 422), blank


async def test_what_has_to_say_something_has_to_be_there(rest: Rest, operator: Caller) -> None:
    """Drawn from the document: 400 before anything is looked for, and nothing is stored."""
    before = await rest.stored()
    for path, (_, is_required) in bodies().items():
        if is_required:
            answer = await operator.post(path.replace("{", "").replace("}", ""), b"", headers={"If-Match": '"0"'})
            assert_problem(answer, 400, "json_malformed")
            assert answer.json()["detail"] == "the body is missing"
    assert await rest.stored() == before


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, id="as-curl-says-of-no-bytes"),
        pytest.param({"Content-Type": "text/plain; charset=latin1"}, id="as-scripts-say"),
        pytest.param({"Content-Encoding": "gzip"}, id="compressed"),
    ],
)
async def test_nothing_is_nothing_whatever_it_calls_itself(operator: Caller, said: dict[str, str]) -> None:
    """A body without bytes has no media type to judge; one with any is judged by its own, however it is sent."""
    made = (await operator.post(ENDPOINTS, {"url": "https://shop.example/hook", "types": ["purchase.created"]})).json()
    path = f"{ENDPOINTS}/{made['id']}/disable"
    answer = await operator.post(path, b"", headers=said)
    assert (answer.status_code, answer.json()["state"]) == (201, "disabled"), answer.text
    missing = await operator.post("/v1/merchants", b"", headers=said)
    assert_problem(missing, 400, "json_malformed")
    assert missing.json()["detail"] == "the body is missing"
    assert_problem(await operator.post(path, b"{}", headers=said), 415, "media_type_unsupported")

    async def parts() -> Any:  # noqa: ANN401  # as above
        """Yield a body whose length nobody says, its first part empty."""
        yield b""
        yield b"{}"

    in_parts = await operator.http.post(path, headers={"Idempotency-Key": new_key(), **said}, content=parts())
    assert_problem(in_parts, 415, "media_type_unsupported")
