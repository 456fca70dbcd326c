"""Everything that is wrong with a request is told at once, each at its place, and nothing of it is stored."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.kernel.mistakes import MISTAKES_MAX
from cashback.purchases.model import Merchant, User
from tests.contract.rest.document import assert_problem, places
from tests.contract.rest.drawn import Leaf, changed, operations
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Shop(msgspec.Struct, frozen=True):
    """Whom a sound purchase names."""

    user: User
    merchant: Merchant


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world: World) -> Shop:
    """Give a user and a merchant."""
    return Shop(await world.user(), await world.merchant())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rival(rest: Rest, world: World) -> Caller:
    """Give whoever holds the key of another shop."""
    return await rest.merchant(await world.merchant())


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def nothing_is_stored(rest: Rest, shop: Shop, rival: Caller) -> AsyncIterator[None]:
    """Assert of each test that it left nothing behind, not even its idempotency keys."""
    before = await rest.stored()
    yield
    assert await rest.stored() == before


async def test_a_body_with_five_faults_names_five_places(operator: Caller, shop: Shop) -> None:
    """The first one is told as if it were alone; all are told in the order of the body, what is missing last."""
    body = a_purchase(shop.user, shop.merchant, amount_minor=5, currency="US", colour="red", lines=[{"sku": ""}])
    del body["occurred_at"]
    response = await operator.post("/v1/purchases", body)
    assert_problem(response, 422, "request_invalid", pointer="/amount_minor")
    expected = ["/amount_minor", "/currency", "/colour", "/lines/0/sku", "/lines/0/amount_minor", "/occurred_at"]
    assert places(response) == expected
    assert all(error["code"] == "request_invalid" and error["detail"] for error in response.json()["errors"])


async def test_members_that_are_named_twice_stand_beside_those_that_nobody_knows(operator: Caller, shop: Shop) -> None:
    """400, and all of it in one answer: in an item of the body, at its root, and what has another form."""
    lines = [{"amount_minor": "1999", "colour": "red"}]
    body = msgspec.json.encode(a_purchase(shop.user, shop.merchant, currency="US", shape="round", lines=lines))
    twice = body.replace(b'"shape":', b'"shape":1,"shape":').replace(b'"colour":', b'"colour":1,"colour":')
    response = await operator.post("/v1/purchases", twice)
    assert_problem(response, 400, "json_member_repeated", pointer="/shape")
    assert [(error["code"], error["pointer"]) for error in response.json()["errors"]] == [
        ("json_member_repeated", "/shape"),
        ("json_member_repeated", "/lines/0/colour"),
        ("request_invalid", "/currency"),
        ("request_invalid", "/shape"),
        ("request_invalid", "/lines/0/colour"),
    ]


def pairs_of(body: Any, leaves: tuple[Leaf, ...]) -> list[tuple[Any, set[str]]]:  # noqa: ANN401  # any JSON
    """Return a body with two faults for each two neighbouring places of it, and where they are.

    Of what says which form a body has the rest depends: without it nobody can tell what else is wrong.
    """
    return [
        (changed(changed(body, one.place, {}), other.place, []), {one.pointer, other.pointer})
        for one, other in pairwise(leaves)
        if not {(), ("kind",)} & {one.place, other.place}
    ]


async def test_two_faults_of_any_body_are_both_told(rest: Rest, operator: Caller) -> None:
    """In every body that the document knows, at every two neighbouring places that take a text."""
    drawn = operations(rest.app.openapi_schema.to_schema(), {"programme_id": new_id("prg")})
    asked = [
        (one, body, expected)
        for one in drawn
        for sound, leaves in zip(one.bodies, one.leaves, strict=True)
        for body, expected in pairs_of(sound, leaves)
    ]
    assert len(asked) > 50
    for one, body, expected in asked:
        headers = {**one.headers, "Idempotency-Key": new_key()}
        response = await operator.ask(one.method, one.url(), headers=headers, json=body)
        assert response.status_code == 422, (one.name, body, response.text)
        assert set(places(response)) == expected, (one.name, body, response.text)


async def test_no_more_are_told_than_anybody_reads(operator: Caller, shop: Shop) -> None:
    """Twenty of a hundred lines, and of as many parameters."""
    body = a_purchase(shop.user, shop.merchant, lines=[{"amount_minor": "x"}] * 100)
    response = await operator.post("/v1/purchases", body)
    assert places(response) == [f"/lines/{place}/amount_minor" for place in range(MISTAKES_MAX)]
    query = "&".join(f"x{number}=1" for number in range(100))
    assert len(places(await operator.get(f"/v1/debts?{query}"))) == MISTAKES_MAX


async def test_the_rules_are_told_all_together_each_by_its_code(operator: Caller, shop: Shop) -> None:
    """Of a purchase with its lines; that the lines do not add up is not said of lines that are none."""
    lines = [{"amount_minor": "1999", "sku": "a\u2028"}, {"amount_minor": str(2**63), "category": "b\u2028"}]
    changes = {"currency": "XXX", "user_id": "customer-1", "amount_minor": str(2**63), "lines": lines}
    changes |= {"occurred_at": "2026-03-03T12:00:00Z", "reference": "a\u2028b"}
    response = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, **changes))
    assert_problem(response, 404, "user_unknown", pointer="/user_id")
    assert [(error["code"], error["pointer"]) for error in response.json()["errors"]] == [
        ("user_unknown", "/user_id"),
        ("field_invalid", "/amount_minor"),
        ("field_invalid", "/lines/0/sku"),
        ("field_invalid", "/lines/1/amount_minor"),
        ("field_invalid", "/lines/1/category"),
        ("field_invalid", "/occurred_at"),
        ("field_invalid", "/reference"),
        ("currency_unknown", "/currency"),
    ]


async def test_what_a_caller_may_not_do_is_said_alone(rival: Caller, shop: Shop) -> None:
    """Whose purchase it is comes before what is wrong with it."""
    response = await rival.post("/v1/purchases", a_purchase("nobody", shop.merchant, reference="a\u2028b"))
    assert_problem(response, 403, "not_yours", pointer="/merchant_id")
    assert "errors" not in response.json()


@pytest.mark.parametrize(
    "path,body,expected",
    [
        pytest.param(
            "/v1/programmes",
            {"name": "a\u2028", "currency": "XXX", "rate_bps": 150, "budget_minor": "0", "accepts": ["DEM", "EUR"]},
            ["/currency", "/budget_minor", "/name", "/accepts/0"],
            id="programme",
        ),
        pytest.param(
            "/v1/exchange-rates",
            {
                "base": "DEM",
                "quote": "XXX",
                "numerator": 1,
                "denominator": 1,
                "source": "\t",
                "as_of": "2027-01-01T00:00:00Z",
            },
            ["/base", "/quote", "/source", "/as_of"],
            id="rate",
        ),
        pytest.param(
            "/v1/campaigns",
            {
                "programme_id": "prg_1",
                "name": "\t",
                "budget_minor": "0",
                "starts_at": "2020-01-01T00:00:00Z",
                "ends_at": "2019-01-01T00:00:00Z",
            },
            ["/budget_minor", "/name", "/starts_at", "/ends_at"],
            id="campaign",
        ),
        pytest.param(
            "/v1/users",
            {"wallet": "0x" + 40 * "0", "reference": "a\u2028", "tier": "Gold"},
            ["/wallet", "/reference", "/tier"],
            id="user",
        ),
        pytest.param(
            "/v1/merchants",
            {"name": "a\tb", "mcc": "54x1", "owners": ["nobody", "usr_1"]},
            ["/mcc", "/owners/0", "/owners/1", "/name"],
            id="merchant",
        ),
        pytest.param(
            "/v1/refunds",
            {"reason": "\t", "purchase_id": "p", "lines": [{"line": 1, "amount_minor": "0"}] * 2, "reference": "\t"},
            [
                "/purchase_id",
                "/lines/0/amount_minor",
                "/lines/1/line",
                "/lines/1/amount_minor",
                "/reason",
                "/reference",
            ],
            id="refund",
        ),
        pytest.param(
            "/v1/api-keys",
            {"label": "\t", "scopes": ["nothing", "users:read", "users:read"], "expires_at": "2020-01-01T00:00:00Z"},
            ["/label", "/scopes/0", "/scopes/2", "/expires_at"],
            id="key",
        ),
        pytest.param(
            "/v1/webhooks/endpoints",
            {"url": "http://shop.example", "types": ["token.lost", "token.minted", "token.found"]},
            ["/url", "/types/0", "/types/2"],
            id="endpoint",
        ),
    ],
)
async def test_other_commands_are_told_all_that_is_wrong_alike(
    operator: Caller, path: str, body: dict[str, object], expected: list[str]
) -> None:
    """Terms have bounds, names are printable, ids have a form."""
    response = await operator.post(path, body)
    assert places(response) == expected, response.text


async def test_a_key_is_wrong_beside_what_it_is_for(operator: Caller, shop: Shop) -> None:
    """The header's name stands beside the body's places."""
    body = a_purchase(shop.user, shop.merchant, reference="a\u2028b")
    response = await operator.post("/v1/purchases", body, key="x" * 256)
    assert_problem(response, 422, "idempotency_key_invalid", parameter="Idempotency-Key")
    assert places(response) == ["Idempotency-Key", "/reference"]


@pytest.mark.parametrize(
    "path,expected",
    [
        pytest.param("/v1/debts?limt=5&limit=1&limit=2&cursor=%00", ["limt", "limit", "cursor"], id="names-and-texts"),
        pytest.param(f"/v1/debts?limit=0&cursor={'x' * 201}", ["cursor", "limit"], id="forms"),
        pytest.param("/v1/users/usr_1/statement", ["from", "to"], id="missing"),
        pytest.param("/v1/users/usr_1/statement?user_statements=1", ["from", "to", "user_statements"], id="a-service"),
        pytest.param("/v1/users/usr_1/statement?to=now&x=1", ["from", "to", "x"], id="missing-beside-others"),
    ],
)
async def test_parameters_are_told_all_together(operator: Caller, path: str, expected: list[str]) -> None:
    """First what can be said of any, then, of those with a value that can be asked for, their own forms."""
    response = await operator.get(path)
    assert response.status_code == 422
    assert sorted(places(response)) == sorted(expected), response.text


async def test_a_ruleset_is_told_all_that_is_wrong_with_its_form(operator: Caller) -> None:
    """From the root of the body, as its lint does of what contradicts itself."""
    rules = {"rules": [{"id": "Base", "campaign": 5, "earns": {"kind": "percent", "rate_bps": "1"}}], "x": 1}
    body = {"programme_id": new_id("prg"), "name": "x", "document": rules}
    response = await operator.post("/v1/ruleset-drafts", body)
    inside = [f"/document/rules/0/{name}" for name in ("id", "campaign", "earns/rate_bps")]
    assert_problem(response, 422, "request_invalid", pointer=inside[0])
    assert places(response) == [*inside, "/document/x"]
