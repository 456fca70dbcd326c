"""Who may do and see what: a valid key, its own merchant's data, the operator's routes."""

from base64 import b64encode

import httpx
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.purchases.model import Merchant, User
from cashback.purchases.rules import key_text
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key, wallet_number

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(world: World) -> User:
    """Give a user who buys in two shops."""
    return await world.user()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world: World) -> Merchant:
    """Give one of them."""
    return await world.merchant()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeper(rest: Rest, shop: Merchant) -> Caller:
    """Give whoever holds that shop's key."""
    return await rest.merchant(shop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rival(rest: Rest, world: World) -> Caller:
    """Give whoever holds the other shop's key."""
    return await rest.merchant(await world.merchant())


async def test_without_a_key_nobody_is_let_in(rest: Rest, user: User) -> None:
    """401 and how to come in (RFC 6750, section 3); nothing was presented, so nothing is said to be wrong with it."""
    before = await rest.stored()
    for response in (
        await rest.nobody.get(f"/v1/users/{user.id}"),
        await rest.nobody.post("/v1/users", {}),
        await rest.nobody.ask("OPTIONS", "/v1/users"),
    ):
        assert_problem(response, 401, "api_key_invalid")
        assert response.headers["www-authenticate"] == 'Bearer realm="cashback"'
    assert await rest.stored() == before


@pytest.mark.parametrize("form", ["Bearer", "Bearer ", "Bearer {id}", "Bearer {id}.", "Basic {basic}", "{secret}", "é"])
async def test_a_wrong_key_lets_nobody_in(rest: Rest, operator: Caller, form: str) -> None:
    """Neither its parts nor the right secret under another scheme."""
    parts = {"id": operator.key_id, "secret": operator.secret, "basic": b64encode(operator.secret.encode()).decode()}
    presented = form.format(**parts).encode("latin-1")
    response = await rest.nobody.get("/v1/programmes/current", headers={"Authorization": presented})
    assert_problem(response, 401, "api_key_invalid")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert operator.secret not in response.text


async def test_of_two_keys_neither_lets_anybody_in(rest: Rest, operator: Caller, rival: Caller) -> None:
    """401, be they two or one twice: who stands in front of the API may have looked at the other (RFC 9110, 5.3)."""
    own, others = f"Bearer {operator.secret}", f"Bearer {rival.secret}"
    for presented in ((own, own), (own, others), (own, "Bearer guess"), ("Basic guess", own), ("", own)):
        headers = [("Authorization", one) for one in presented]
        response = await rest.nobody.ask("GET", "/v1/programmes/current", headers=headers)
        assert_problem(response, 401, "api_key_invalid")
        assert response.json()["detail"] == "present one API key, in one `Authorization` header"
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_another_secret_of_a_known_key_lets_nobody_in(rest: Rest, operator: Caller, rival: Caller) -> None:
    """An id is public, and another key's secret does not go with it."""
    mixed = key_text(operator.key_id, kind="operator", secret=rival.secret[-49:-6])
    for secret in (mixed, operator.secret[:-1], operator.secret + "x", f"{new_id('key')}.guess"):
        assert_problem(await rest.caller(secret).get("/v1/programmes/current"), 401, "api_key_invalid")


async def test_the_scheme_may_be_written_in_any_case(rest: Rest, operator: Caller) -> None:
    """RFC 9110, section 11.1."""
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {operator.secret}"}
        assert (await rest.nobody.get("/v1/programmes/current", headers=headers)).status_code == 200


async def test_between_scheme_and_key_there_may_be_several_spaces(rest: Rest, operator: Caller) -> None:
    """One or more, and nothing else (RFC 9110, section 11.4; RFC 6750, section 2.1)."""
    for between, status in (("  ", 200), (" " * 9, 200), ("\t", 401), (" \t", 401), ("", 401)):
        headers = {"Authorization": f"Bearer{between}{operator.secret}"}
        assert (await rest.nobody.get("/v1/programmes/current", headers=headers)).status_code == status, between


async def test_a_revoked_key_lets_nobody_in(rest: Rest) -> None:
    """At once in the process that revoked it, though it was known there."""
    leaver = await rest.operator()
    assert (await leaver.get("/v1/programmes/current")).status_code == 200
    await rest.keys.revoke(leaver.key_id)
    assert_problem(await leaver.get("/v1/programmes/current"), 401, "api_key_invalid")
    assert_problem(await leaver.post("/v1/users", {}), 401, "api_key_invalid")


async def test_health_and_the_document_are_open(rest: Rest) -> None:
    """Their neighbours are not, and the metrics are elsewhere."""
    some = await rest.operator(scopes=frozenset({"users:read"}))
    for path in ("/livez", "/readyz", "/livez/", "/readyz/", "/openapi/openapi.json", "/livez?name[]=up"):
        for anybody in (rest.nobody, some):
            assert (await anybody.get(path)).status_code == 200, path
    near = ("/metrics", "/livezz", "/livez//", "/readyz/v1", "/openapi.json", "//v1/users", "/openapi/../v1/users")
    for path in near:
        assert (await rest.nobody.get(path)).status_code in {401, 404}, path


async def test_a_merchant_records_its_own_purchases_with_or_without_saying_so(
    keeper: Caller, shop: Merchant, user: User
) -> None:
    """Its key says which merchant it is."""
    for body in (a_purchase(user), a_purchase(user, shop)):
        answer = await keeper.post("/v1/purchases", body)
        assert (answer.status_code, answer.json()["merchant_id"]) == (201, shop.id)


async def test_a_merchant_cannot_record_for_another(rest: Rest, rival: Caller, shop: Merchant, user: User) -> None:
    """403, and nothing is stored."""
    before = await rest.stored()
    assert_problem(await rival.post("/v1/purchases", a_purchase(user, shop)), 403, "not_yours", pointer="/merchant_id")
    unknown = a_purchase(user, merchant_id=new_id("mer"))
    assert_problem(await rival.post("/v1/purchases", unknown), 403, "not_yours", pointer="/merchant_id")
    assert await rest.stored() == before


async def test_what_another_merchant_recorded_does_not_exist(
    keeper: Caller, rival: Caller, operator: Caller, user: User
) -> None:
    """404 in the very words of what never existed, while its owner and the operator see it."""
    answer = (await keeper.post("/v1/purchases", a_purchase(user))).json()
    for path, nothing in (
        (f"/v1/purchases/{answer['id']}", f"/v1/purchases/{new_id('pur')}"),
        (f"/v1/cashback/{answer['cashback']['id']}", f"/v1/cashback/{new_id('cb')}"),
        (f"/v1/merchants/{answer['merchant_id']}", f"/v1/merchants/{new_id('mer')}"),
    ):
        hidden, absent = await rival.get(path), await rival.get(nothing)
        assert _words(hidden, path) == _words(absent, nothing)
        assert hidden.status_code == 404
        for friend in (keeper, operator):
            assert (await friend.get(path)).status_code == 200


def _words(response: httpx.Response, path: str) -> str:
    """Return an answer without what differs from request to request."""
    trace_id = response.headers["traceparent"].split("-")[1]
    return response.text.replace(trace_id, "").replace(path.rsplit("/", 1)[1], "")


async def test_a_list_shows_each_merchant_its_own_and_the_operator_all(
    keeper: Caller, rival: Caller, operator: Caller, world: World
) -> None:
    """The user buys at both."""
    user = await world.user()
    earned = {}
    for caller in (keeper, rival):
        answer = await caller.post("/v1/purchases", a_purchase(user))
        earned[caller] = answer.json()["cashback"]["id"]

    async def listed(caller: Caller) -> set[str]:
        page = (await caller.get(f"/v1/users/{user.id}/cashback")).json()
        return {item["id"] for item in page["items"]}

    assert await listed(keeper) == {earned[keeper]}
    assert await listed(rival) == {earned[rival]}
    assert await listed(operator) == set(earned.values())


async def test_two_merchants_may_number_their_requests_alike(keeper: Caller, rival: Caller, user: User) -> None:
    """A key belongs to its owner: no merchant is answered with another's purchase (I7)."""
    key = new_key()
    one = await keeper.post("/v1/purchases", a_purchase(user), key=key)
    two = await rival.post("/v1/purchases", a_purchase(user), key=key)
    assert (one.status_code, two.status_code) == (201, 201)
    assert "idempotency-replayed" not in two.headers
    assert one.json()["id"] != two.json()["id"]


@pytest.mark.parametrize(
    "method,path,body",
    [
        pytest.param("POST", "/v1/users", {}, id="create-user"),
        pytest.param("POST", "/v1/users/{user}/wallet", {"wallet": wallet_number(9)}, id="set-wallet"),
        pytest.param("POST", "/v1/merchants", {"name": "Shop"}, id="create-merchant"),
        pytest.param(
            "POST",
            "/v1/programmes",
            {"name": "p", "currency": "USD", "rate_bps": 1, "budget_minor": "1"},
            id="create-programme",
        ),
        pytest.param("GET", "/v1/programmes/current", None, id="show-programme"),
        pytest.param("GET", "/v1/users/{user}", None, id="show-user"),
        pytest.param("GET", "/v1/users/{user}/balance", None, id="show-balance"),
    ],
)
async def test_the_operators_routes_are_closed_to_merchants(
    rest: Rest, keeper: Caller, user: User, method: str, path: str, body: object
) -> None:
    """403, and nothing is stored."""
    before = await rest.stored()
    asked = path.format(user=user.id)
    response = await keeper.post(asked, body) if method == "POST" else await keeper.get(asked)
    assert_problem(response, 403, "operator_only")
    assert await rest.stored() == before
