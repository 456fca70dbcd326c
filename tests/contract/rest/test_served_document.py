"""The OpenAPI document as it is served: the committed one, with a tag, and nothing of the framework's beside it."""

import json
from hashlib import sha256

import msgspec
import pytest

from tests.contract.rest.golden import GOLDEN, document
from tests.contract.rest.world import Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_served_document_is_the_committed_one(rest: Rest) -> None:
    """Anyone may read it, at one address, with its own media type."""
    response = await rest.nobody.get("/openapi/openapi.json")
    assert response.headers["content-type"] == "application/vnd.oai.openapi+json"
    assert response.json() == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("named, status", [('"other", {}', 304), ("W/{}", 304), ("*", 304), ('"other"', 200)])
async def test_who_has_the_document_is_not_sent_it_again(rest: Rest, named: str, status: int) -> None:
    """The tag is of the bytes: it stays while they do, in this process and in others of the same release."""
    whole = await rest.nobody.get("/openapi/openapi.json")
    asked = {"If-None-Match": named.format(whole.headers["etag"])}
    answer = await rest.nobody.get("/openapi/openapi.json", headers=asked)
    assert (answer.status_code, answer.headers["etag"]) == (status, whole.headers["etag"])
    assert answer.content == (b"" if status == 304 else whole.content)
    assert whole.headers["etag"] == f'"{sha256(whole.content).hexdigest()[:16]}"'
    assert whole.content == msgspec.json.encode(document())


@pytest.mark.parametrize("path", ["/openapi/swagger", "/openapi/other.json", "/openapi/of-the-framework/openapi.json"])
async def test_beside_the_document_there_is_nothing_but_a_problem(rest: Rest, path: str) -> None:
    """Every error is a problem document, no page of the framework's."""
    response = await rest.nobody.get(path)
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (404, "route_unknown")
