"""Commands over REST: the same key and body give the same answer and one effect (I7)."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.purchases.model import Merchant, User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.done import WORKED, known_to
from tests.contract.rest.drawn import operations
from tests.contract.rest.world import Caller, Rest, a_purchase, open_rest
from tests.integration.ledger.world import Dsns, World, new_key, open_world, wallet_number

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.invariant("I7")]

REPLAYED = "idempotency-replayed"


class Shop(msgspec.Struct, frozen=True):
    """Whom a sound purchase names."""

    user: User
    merchant: Merchant


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(world: World) -> Shop:
    """Give a user and a merchant."""
    return Shop(await world.user(), await world.merchant())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(rest: Rest, dsns: Dsns) -> AsyncIterator[Rest]:
    """Give a second process of the same API."""
    async with open_world(dsns) as world, open_rest(world) as api:
        yield api


async def test_a_purchase_is_answered_with_its_cashback(operator: Caller, shop: Shop) -> None:
    """201, amounts as strings, the decision and its sentence."""
    response = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, reference="A-17"))
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert REPLAYED not in response.headers
    answer = response.json()
    assert (answer["amount_minor"], answer["currency"], answer["reference"]) == ("1999", "USD", "A-17")
    assert (answer["cashback"]["state"], answer["cashback"]["amount_minor"]) == ("approved", "29")
    assert (answer["cashback"]["token_units"], answer["cashback"]["reason"]) == ("290000", "granted")
    story = (await operator.get(f"/v1/purchases/{answer['id']}")).json()
    assert {name: story[name] for name in answer if name != "cashback"} == {
        name: value for name, value in answer.items() if name != "cashback"
    }
    assert (story["cashback"]["id"], story["cashback"]["mint"]) == (answer["cashback"]["id"], None)
    assert [(step["from_state"], step["to_state"]) for step in story["cashback"]["timeline"]] == [(None, "approved")]
    assert (await operator.get(f"/v1/cashback/{answer['cashback']['id']}")).json() == story["cashback"]


async def test_a_purchase_is_answered_with_its_lines(operator: Caller, shop: Shop) -> None:
    """As they were given, now and later; lines that do not add up are refused with their place."""
    lines = [{"amount_minor": "1000", "sku": "A-1", "category": "shoes", "quantity": 2}, {"amount_minor": "999"}]
    response = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, lines=lines))
    assert (response.status_code, response.json()["lines"]) == (201, lines)
    assert (await operator.get(f"/v1/purchases/{response.json()['id']}")).json()["lines"] == lines
    refused = await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant, lines=lines[:1]))
    assert_problem(refused, 422, "field_invalid", pointer="/lines")


async def test_a_repeat_gets_the_same_bytes_and_is_marked(rest: Rest, operator: Caller, shop: Shop) -> None:
    """However its body is written, as long as it says the same (I7)."""
    key, body = new_key(), a_purchase(shop.user, shop.merchant)
    first = await operator.post("/v1/purchases", body, key=key)
    before = await rest.stored()
    spaced = msgspec.json.format(msgspec.json.encode(dict(reversed(body.items()))), indent=4)
    shifted = msgspec.json.encode({**body, "occurred_at": "2026-03-01T14:00:00+02:00", "reference": None})
    for again in (msgspec.json.encode(body), spaced, shifted):
        repeat = await operator.post("/v1/purchases", again, key=key)
        assert (repeat.status_code, repeat.content) == (201, first.content)
        assert repeat.headers[REPLAYED] == "true"
        assert repeat.headers["content-type"] == first.headers["content-type"]
    assert await rest.stored() == before


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"amount_minor": "2000"}, id="amount"),
        pytest.param({"reference": "A-1"}, id="reference"),
        pytest.param({"occurred_at": "2026-03-01T12:00:01Z"}, id="time"),
    ],
)
async def test_a_used_key_with_another_body_is_refused(
    rest: Rest, operator: Caller, shop: Shop, changes: dict[str, object]
) -> None:
    """A key stands for one request, for ever (I7)."""
    key, body = new_key(), a_purchase(shop.user, shop.merchant)
    await operator.post("/v1/purchases", body, key=key)
    before = await rest.stored()
    refused = await operator.post("/v1/purchases", {**body, **changes}, key=key)
    assert_problem(refused, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    elsewhere = await operator.post("/v1/merchants", {"name": "Shop"}, key=key)
    assert_problem(elsewhere, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert await rest.stored() == before


async def test_concurrent_repeats_have_one_effect(rest: Rest, other: Rest, operator: Caller, shop: Shop) -> None:
    """Forty at once to two processes: one is the first, the others wait for its answer (I7)."""
    twin = other.caller(operator.secret)
    key, body = new_key(), a_purchase(shop.user, shop.merchant)
    before = await rest.world.one("select count(*) from purchases.purchases")
    calls = [caller.post("/v1/purchases", body, key=key) for _ in range(20) for caller in (operator, twin)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert await rest.world.one("select count(*) from purchases.purchases") == before + 1


@pytest.mark.parametrize("path", ["/v1/purchases", "/v1/users", "/v1/merchants", "/v1/programmes"])
async def test_every_command_needs_a_key(rest: Rest, operator: Caller, shop: Shop, path: str) -> None:
    """Without one a client that heard no answer could not ask again (I7)."""
    bodies = {
        "/v1/purchases": a_purchase(shop.user, shop.merchant),
        "/v1/users": {},
        "/v1/merchants": {"name": "Shop"},
        "/v1/programmes": {"name": "p", "currency": "USD", "rate_bps": 1, "budget_minor": "1"},
    }
    before = await rest.stored()
    response = await operator.post(path, bodies[path], key=None)
    assert_problem(response, 422, "idempotency_key_missing", parameter="Idempotency-Key")
    assert await rest.stored() == before


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"k" * 256, id="too-long"),
        pytest.param("clé".encode("latin-1"), id="not-ascii"),
        pytest.param(b"a\tb", id="not-printable"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/purchases", "/v1/merchants", "/v1/programmes"])
async def test_a_key_is_1_to_255_printable_characters(
    rest: Rest, operator: Caller, shop: Shop, path: str, key: bytes
) -> None:
    """What cannot stand in a header or in the table is no key (I7)."""
    bodies = {
        "/v1/purchases": a_purchase(shop.user, shop.merchant),
        "/v1/merchants": {"name": "Shop"},
        "/v1/programmes": await _terms(operator),
    }
    body = bodies[path]
    before = await rest.stored()
    response = await operator.ask("POST", path, content=msgspec.json.encode(body), headers=[(b"Idempotency-Key", key)])
    assert_problem(response, 422, "idempotency_key_invalid", parameter="Idempotency-Key")
    assert await rest.stored() == before
    assert (await operator.post(path, body, key=new_key() + "k" * 225)).status_code == 201


async def test_no_command_is_taken_under_what_is_no_key(rest: Rest, operator: Caller) -> None:
    """Drawn from the document, those among them that change nothing and keep none (I7)."""
    known = await known_to(rest, operator)
    drawn = [one for one in operations(rest.app.openapi_schema.to_schema(), known) if one.method == "POST"]
    before = await rest.stored()
    told: dict[int, list[str]] = {}
    for one in drawn:
        for body in [WORKED[one.name]] if one.name in WORKED else one.bodies:
            headers = {**one.headers, "Idempotency-Key": ""}
            answer = await operator.ask("POST", one.url(path=known), json=body, headers=headers)
            told.setdefault(answer.status_code, []).append(answer.json()["code"])
    assert set(told) <= {403, 404, 409, 412, 415, 422}
    assert told[422].count("idempotency_key_invalid") >= len(drawn) // 2
    assert await rest.stored() == before


async def test_a_refused_request_does_not_use_up_its_key(operator: Caller, shop: Shop) -> None:
    """What was wrong is mended and sent again under the same key (I7)."""
    key = new_key()
    wrong = a_purchase(shop.user, shop.merchant, currency="XXX")
    assert (await operator.post("/v1/purchases", wrong, key=key)).status_code == 422
    mended = await operator.post("/v1/purchases", {**wrong, "currency": "USD"}, key=key)
    assert mended.status_code == 201
    assert REPLAYED not in mended.headers


async def test_a_key_outlives_the_api_key_it_was_used_with(rest: Rest, shop: Shop) -> None:
    """A merchant that rotates its API key in the middle of a retry is still answered once (I7)."""
    old, new = await rest.merchant(shop.merchant), await rest.merchant(shop.merchant)
    key, body = new_key(), a_purchase(shop.user)
    first = await old.post("/v1/purchases", body, key=key)
    again = await new.post("/v1/purchases", body, key=key)
    assert again.content == first.content
    assert again.headers[REPLAYED] == "true"


async def test_people_are_created_once_too(rest: Rest, operator: Caller) -> None:
    """Users, their wallets and merchants, each shown as it was answered (I7)."""
    user = await _twice(rest, operator, "/v1/users", {"reference": "c-1", "wallet": wallet_number(501), "tier": "gold"})
    assert (await operator.get(f"/v1/users/{user['id']}")).json() == user
    changed = await _twice(rest, operator, f"/v1/users/{user['id']}/wallet", {"wallet": wallet_number(502)})
    assert changed == {**user, "wallet": wallet_number(502)}
    assert (await operator.get(f"/v1/users/{user['id']}")).json() == changed
    merchant = await _twice(rest, operator, "/v1/merchants", {"name": "Shop", "mcc": "5411", "owners": [user["id"]]})
    assert (await operator.get(f"/v1/merchants/{merchant['id']}")).json() == merchant
    assert (user["tier"], merchant["mcc"], merchant["owners"]) == ("gold", "5411", [user["id"]])
    nobody = await operator.post("/v1/merchants", {"name": "Shop", "owners": [new_id("usr")]})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "user_unknown")


async def test_the_lines_of_a_purchase_are_shown_as_they_were_sent(operator: Caller, shop: Shop) -> None:
    """In their order, since refunds name them by it; what is not known of one is left out."""
    sent = [{"amount_minor": "1500", "sku": "tea", "category": "food"}, {"amount_minor": "499"}]
    body = {**a_purchase(shop.user, shop.merchant), "amount_minor": "1999", "lines": sent}
    answer = (await operator.post("/v1/purchases", body)).json()
    story = (await operator.get(f"/v1/purchases/{answer['id']}")).json()
    assert story["lines"] == sent
    refused = await operator.post("/v1/purchases", {**body, "amount_minor": "2000"})
    assert (refused.status_code, refused.json()["pointer"]) == (422, "/lines")


async def _twice(rest: Rest, operator: Caller, path: str, body: object) -> dict[str, object]:
    """Return the answer to a command that was sent twice."""
    key = new_key()
    first = await operator.post(path, body, key=key)
    before = await rest.stored()
    again = await operator.post(path, body, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert await rest.stored() == before
    answer: dict[str, object] = first.json()
    return answer


async def _terms(operator: Caller) -> dict[str, object]:
    """Return the terms of the programme in force."""
    current = (await operator.get("/v1/programmes/current")).json()
    return {name: current[name] for name in ("name", "currency", "rate_bps", "budget_minor")}


async def test_a_programme_is_answered_once_under_its_key(rest: Rest, operator: Caller, shop: Shop) -> None:
    """The same bytes again, marked, though its budget has moved since; another body under the key is refused (I7)."""
    key, terms = new_key(), await _terms(operator)
    first = await operator.post("/v1/programmes", terms, key=key)
    await operator.post("/v1/purchases", a_purchase(shop.user, shop.merchant))
    before = await rest.stored()
    again = await operator.post("/v1/programmes", terms, key=key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    left = int((await operator.get("/v1/programmes/current")).json()["budget_left_minor"])
    assert left < int(first.json()["budget_left_minor"])
    for changes in ({"rate_bps": 1}, {"name": "another"}, {"token_rate_numerator": 2}):
        reused = await operator.post("/v1/programmes", {**terms, **changes}, key=key)
        assert_problem(reused, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    crossed = await operator.post("/v1/merchants", {"name": "Shop"}, key=key)
    assert_problem(crossed, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert await rest.stored() == before


async def test_a_programme_is_started_once_by_its_name(rest: Rest, operator: Caller) -> None:
    """The same terms again are the same programme; another beside it, or its name with other terms, is a conflict."""
    current = (await operator.get("/v1/programmes/current")).json()
    terms = await _terms(operator)
    again = await operator.post("/v1/programmes", terms)
    assert (again.status_code, again.json()["id"]) == (201, current["id"])
    assert REPLAYED not in again.headers
    before = await rest.stored()
    for changes in ({"name": "another"}, {"rate_bps": 1}, {"budget_minor": "7"}):
        assert_problem(await operator.post("/v1/programmes", {**terms, **changes}), 409, "programme_exists")
    assert await rest.stored() == before
