"""Paths, methods and queries that lead nowhere: 404, 405 and 422, and nothing is stored."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.purchases.model import User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(world: World) -> User:
    """Give somebody whom a path may name."""
    return await world.user()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_is_stored(rest: Rest, user: User) -> AsyncIterator[None]:
    """Assert of each test that it left nothing behind, not even its idempotency keys."""
    before = await rest.stored()
    yield
    assert await rest.stored() == before


@pytest.mark.parametrize(
    "path,code",
    [
        pytest.param("/v1/purchases/{pur}", "purchase_unknown", id="purchase"),
        pytest.param("/v1/cashback/{cb}", "cashback_unknown", id="cashback"),
        pytest.param("/v1/users/{usr}", "user_unknown", id="user"),
        pytest.param("/v1/users/{usr}/cashback", "user_unknown", id="list"),
        pytest.param("/v1/users/{usr}/balance", "user_unknown", id="balance"),
        pytest.param("/v1/merchants/{mer}", "merchant_unknown", id="merchant"),
    ],
)
async def test_what_does_not_exist_is_not_found(operator: Caller, path: str, code: str) -> None:
    """404 for a well-formed id of nothing, an id of another kind, and what no id can be."""
    for make in (new_id, lambda kind: f"{kind}_1", lambda _: new_id("rul"), lambda _: "a%00b", lambda _: "%FF" * 500):
        asked = path.format(pur=make("pur"), cb=make("cb"), usr=make("usr"), mer=make("mer"))
        problem = (await operator.get(asked)).json()
        assert (problem["status"], problem["code"]) == (404, code), asked


async def test_a_path_without_a_route_is_a_problem_like_any(rest: Rest, operator: Caller) -> None:
    """404 for those with a key; others are not told which paths there are."""
    for path in ("/v1", "/index.html", "/v1/purchase", "/v1/purchases/x/y", "/favicon.ico", "/v2/purchases"):
        assert_problem(await operator.get(path), 404, "route_unknown")
        assert_problem(await rest.nobody.get(path), 401, "api_key_invalid")


async def test_who_begins_at_the_root_is_told_where_to_read(rest: Rest, operator: Caller) -> None:
    """Nothing is there, and both that the answer names are open to everybody, as it is itself."""
    for caller in (rest.nobody, operator):
        nothing = await caller.get("/")
        assert_problem(nothing, 404, "route_unknown")
        named = re.findall(r"`(/[^`]*)`", nothing.json()["detail"])
        assert named == ["/docs", "/openapi/openapi.json"]
        assert [(await rest.nobody.get(path)).status_code for path in named] == [200, 200]
        assert_problem(await caller.post("/", {}), 404, "route_unknown")


@pytest.mark.parametrize("number", ["one", "1.5", "-", "1_0", "+1", "01", "%201", "%D9%A1", "1%2F"])
async def test_what_goes_by_a_number_has_no_path_for_a_text(operator: Caller, number: str) -> None:
    """404, and the reference says so where it may come; a number has one path."""
    for path in ("/v1/mints", "/v1/seals", "/v1/reconciliations"):
        assert_problem(await operator.get(f"{path}/{number}"), 404, "route_unknown")


async def test_an_encoded_slash_chooses_no_other_route(rest: Rest, operator: Caller, user: User) -> None:
    """404: who is given a name and writes it into a path as it should be written asks for that name, or for nothing."""
    path, before = f"/v1/users/{user.id}", await rest.stored()
    for asked in (f"{path}%2Fbalance", f"{path}%2fcashback", "/v1/users/%2F", f"/v1%2Fusers/{user.id}"):
        assert_problem(await operator.get(asked), 404, "route_unknown")
    blocked = await operator.post(f"{path}%2Fblock", {"person": "ada", "reason": "of a test"})
    assert_problem(blocked, 404, "route_unknown")
    assert await rest.stored() == before
    assert (await operator.get(f"{path}/balance")).status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
async def test_a_wrong_method_is_told_the_right_ones(operator: Caller, method: str) -> None:
    """405 with Allow (RFC 9110, section 15.5.6)."""
    response = await operator.ask(method, f"/v1/users/{new_id('usr')}/balance")
    assert_problem(response, 405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize(
    "query,parameter",
    [
        pytest.param("limit=0", "limit", id="none"),
        pytest.param("limit=201", "limit", id="too-many"),
        pytest.param("limit=-5", "limit", id="negative"),
        pytest.param("limit=ten", "limit", id="in-words"),
        pytest.param("limit=1.5", "limit", id="fractional"),
        pytest.param("limit=5.0", "limit", id="with-a-point"),
        pytest.param("limit=1e1", "limit", id="with-an-exponent"),
        pytest.param("limit=%2B5", "limit", id="signed"),
        pytest.param("limit=1_0", "limit", id="underscore"),
        pytest.param("limit=05", "limit", id="leading-zero"),
        pytest.param("limit=%D9%A5", "limit", id="other-digits"),
        pytest.param("limit=+5", "limit", id="after-a-blank"),
        pytest.param("limit=", "limit", id="empty"),
        pytest.param("limit=5&limit=6", "limit", id="twice"),
        pytest.param("limt=5", "limt", id="typo"),
        pytest.param("user_id=usr_1", "user_id", id="not-of-the-query"),
        pytest.param("cursor=" + "x" * 201, "cursor", id="long-cursor"),
    ],
)
async def test_a_query_of_the_wrong_form_is_named(operator: Caller, user: User, query: str, parameter: str) -> None:
    """422 with the parameter's name; what a route does not know it does not ignore."""
    response = await operator.get(f"/v1/users/{user.id}/cashback?{query}")
    assert_problem(response, 422, "request_invalid", parameter=parameter)


@pytest.mark.parametrize("number", ["01", "-05", "00", "-0", "5.0"])
async def test_a_number_in_another_form_is_told_which_one_is_wanted(operator: Caller, number: str) -> None:
    """In the words of whoever writes it, and not in those of what reads it."""
    response = await operator.get(f"/v1/cashback?limit={number}")
    assert_problem(response, 422, "request_invalid", parameter="limit")
    assert response.json()["detail"] == "a whole number is written in digits alone, without zeros before them"
