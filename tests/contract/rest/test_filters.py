"""Lists of purchases, refunds and cashbacks are filtered by what people know of them; a merchant sees its own."""

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.market import DAY, Market, opened
from tests.contract.rest.pages import listed, pages_of
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, buy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(rest: Rest, world: World) -> Market:
    """Give what was bought at two shops."""
    return await opened(rest, world)


async def test_a_shop_finds_its_purchases_by_what_it_knows_of_them(market: Market) -> None:
    """By user, by its own name, by currency, by when it was bought and when it came to us, and by several of these."""
    at = {f"{nth}": (START - nth * DAY).isoformat() for nth in range(4)}
    for query, expected in (
        ({}, {"shoes", "hat", "tea"}),
        ({"merchant_id": market.shop.id}, {"shoes", "hat", "tea"}),
        ({"user_id": market.anna.id}, {"shoes", "tea"}),
        ({"user_id": market.anna.id, "currency": "USD"}, {"shoes"}),
        ({"reference": "order 1"}, {"shoes"}),
        ({"reference": "order 1", "user_id": market.bert.id}, set()),
        ({"reference": "no order"}, set()),
        ({"currency": "EUR"}, {"tea"}),
        ({"occurred_from": at["2"]}, {"hat", "tea"}),
        ({"occurred_from": at["3"], "occurred_to": at["1"]}, {"shoes", "hat"}),
        ({"received_to": at["1"]}, {"shoes"}),
        ({"received_from": at["1"], "currency": "USD"}, {"hat"}),
    ):
        assert market.named(await listed(market.keeper, "/v1/purchases", **query)) == expected, query


@pytest.mark.parametrize(
    "asked, is_hinted",
    [
        ("2026-01-01T00:00:00+00:00", True),
        ("2026-01-01T00:00:00.5+0130", True),
        ("2026-01-01T00:00:00", False),
        ("2026-01-01+00:00", False),
        ("yesterday+at+noon", False),
        ("2026-01-01T00:00:00%2B00:00", None),
    ],
)
async def test_an_offset_whose_plus_became_a_blank_is_told_how_it_is_written(
    operator: Caller, asked: str, is_hinted: bool | None
) -> None:
    """In a query a plus stands for a blank: the offset is there, and nobody who looks at it sees what is wrong."""
    response = await operator.get(f"/v1/purchases?occurred_from={asked}")
    if is_hinted is None:
        assert response.status_code == 200
        return
    assert_problem(response, 422, "request_invalid", parameter="occurred_from")
    assert ("%2B" in response.json()["detail"]) == is_hinted


async def test_an_operator_finds_everybodys_and_names_the_merchant_of_a_reference(
    operator: Caller, market: Market
) -> None:
    """A reference is its merchant's own: two shops have an `order 1`."""
    assert market.named(await listed(operator, "/v1/purchases")) == {"shoes", "hat", "tea", "book"}
    assert market.named(await listed(operator, "/v1/purchases", merchant_id=market.rival.id)) == {"book"}
    query = {"reference": "order 1", "merchant_id": market.rival.id}
    assert market.named(await listed(operator, "/v1/purchases", **query)) == {"book"}
    for path in ("/v1/purchases", "/v1/refunds"):
        refused = await operator.get(path, params={"reference": "order 1"})
        assert_problem(refused, 422, "request_invalid", parameter="reference")


async def test_a_reference_from_before_it_was_the_name_of_one_finds_them_all(world: World, operator: Caller) -> None:
    """They kept it, and are told apart by their ids."""
    user, shop = await world.user(), await world.merchant()
    named, again = [answer.id for answer in await world.record(*[buy(user, shop) for _ in range(2)])]
    await world.rows("alter table purchases.purchases disable trigger purchases_immutable")
    change = "update purchases.purchases set reference = 'old', is_named = id = %s where id = any(%s)"
    await world.rows(change, named, [named, again])
    await world.rows("alter table purchases.purchases enable trigger purchases_immutable")
    found = await listed(operator, "/v1/purchases", merchant_id=shop.id, reference="old")
    assert found == sorted((named, again), reverse=True)


async def test_refunds_are_found_by_what_is_known_of_them(operator: Caller, market: Market) -> None:
    """By purchase, merchant, user, name, kind and time, those that were applied; a merchant's are its own."""
    now, later = START.isoformat(), (START + DAY).isoformat()
    for caller, query, expected in (
        (market.keeper, {}, {"lace", "sole"}),
        (market.stranger, {}, {"page"}),
        (operator, {"merchant_id": market.rival.id}, {"page"}),
        (operator, {"purchase_id": market.purchases["shoes"]}, {"lace", "sole"}),
        (operator, {"kind": "chargeback"}, {"sole"}),
        (operator, {"kind": "chargeback", "merchant_id": market.rival.id}, set()),
        (market.keeper, {"user_id": market.anna.id}, {"lace", "sole"}),
        (market.keeper, {"user_id": market.bert.id}, set()),
        (operator, {"user_id": market.anna.id}, {"lace", "sole", "page"}),
        (operator, {"user_id": market.anna.id, "merchant_id": market.rival.id}, {"page"}),
        (market.keeper, {"reference": "return 1"}, {"lace"}),
        (market.keeper, {"reference": "return 1", "purchase_id": market.purchases["hat"]}, set()),
        (market.keeper, {"reference": "return 1", "user_id": market.bert.id}, set()),
        (operator, {"reference": "return 1", "merchant_id": market.rival.id}, {"page"}),
        (market.keeper, {"created_from": now, "created_to": later}, {"lace", "sole"}),
        (market.keeper, {"created_from": later}, set()),
    ):
        assert market.named(await listed(caller, "/v1/refunds", **query)) == expected, query
    of_one = f"/v1/purchases/{market.purchases['shoes']}/refunds"
    assert market.named(await listed(market.keeper, of_one, limit=1)) == {"lace", "sole"}
    assert await listed(market.keeper, of_one) == await listed(operator, of_one)


async def test_cashbacks_are_found_by_state_user_merchant_and_programme(
    world: World, operator: Caller, market: Market
) -> None:
    """A merchant sees what was earned with it."""
    programme = await world.one("select id from ledger.programmes")

    async def found(caller: Caller, **query: object) -> set[str]:
        """Return which of the market a caller finds."""
        items = [item for page in await pages_of(caller, "/v1/cashback", **query) for item in page]
        return market.named([item["purchase_id"] for item in items])

    assert await found(operator) == {"shoes", "hat", "tea", "book"}
    assert await found(operator, merchant_id=market.rival.id) == {"book"}
    assert await found(market.keeper) == {"shoes", "hat", "tea"}
    assert await found(market.keeper, user_id=market.anna.id) == {"shoes", "tea"}
    assert await found(operator, state="declined") == {"tea"}
    assert await found(operator, state="approved", user_id=market.anna.id) == {"shoes", "book"}
    assert await found(operator, state="reversed") == set()
    assert await found(market.stranger, programme_id=programme) == {"book"}


async def test_each_item_tells_whose_it_is(operator: Caller, market: Market) -> None:
    """In a list of everybody's that is what people look for."""
    [item] = (await operator.get("/v1/cashback", params={"merchant_id": market.rival.id})).json()["items"]
    assert (item["user_id"], item["merchant_id"]) == (market.anna.id, market.rival.id)
    [item] = (await operator.get("/v1/purchases", params={"merchant_id": market.rival.id})).json()["items"]
    assert (item["user_id"], item["reference"], item["amount_minor"]) == (market.anna.id, "order 1", "10000")
    assert not {"cashback", "refunds"} & set(item)


async def test_what_is_not_there_has_no_empty_list(operator: Caller) -> None:
    """404 with the parameter, for whatever a filter names by an id."""
    for path, name, prefix in (
        ("/v1/purchases", "merchant_id", "mer"),
        ("/v1/purchases", "user_id", "usr"),
        ("/v1/refunds", "purchase_id", "pur"),
        ("/v1/refunds", "merchant_id", "mer"),
        ("/v1/refunds", "user_id", "usr"),
        ("/v1/cashback", "user_id", "usr"),
        ("/v1/cashback", "merchant_id", "mer"),
        ("/v1/cashback", "programme_id", "prg"),
        ("/v1/reviews", "programme_id", "prg"),
    ):
        for text in (new_id(prefix), "nobody"):
            response = await operator.get(path, params={name: text})
            assert_problem(response, 404, f"{name.removesuffix('_id')}_unknown", parameter=name)


async def test_another_merchants_things_are_as_if_they_were_not_there(rest: Rest, market: Market) -> None:
    """Every list with a filter by what a merchant has: in the very words of what never existed, and no empty page."""
    theirs = {"merchant_id": market.shop.id, "purchase_id": market.purchases["shoes"]}
    lists = [
        (path, parameter["name"])
        for path, methods in rest.document.paths.items()
        for parameter in methods.get("get", {}).get("parameters", ())
        if parameter["in"] == "query" and parameter["name"] in theirs
    ]
    assert {("/v1/purchases", "merchant_id"), ("/v1/refunds", "purchase_id")} <= set(lists)
    for path, name in lists:
        hidden, absent = [
            await market.stranger.get(path, params={name: text}) for text in (theirs[name], new_id(theirs[name][:3]))
        ]
        words = [{**one.json(), "trace_id": ""} for one in (hidden, absent)]
        assert words[0] == words[1], (path, name)
        assert hidden.status_code == 404
    path = f"/v1/purchases/{market.purchases['shoes']}/refunds"
    assert_problem(await market.stranger.get(path), 404, "purchase_unknown", parameter="purchase_id")


async def test_no_list_of_a_merchant_holds_anything_of_another(rest: Rest, market: Market) -> None:
    """Each list that there is and that a merchant may read, drawn from the document, without and with a user's name."""
    own = {market.rival.id, None}
    read = 0
    for path, methods in rest.document.paths.items():
        operation = methods.get("get", {})
        names = {one["name"]: one for one in operation.get("parameters", ())}
        needed = {name for name, one in names.items() if one.get("required")}
        if "cursor" not in names or not needed <= {"user_id"}:
            continue
        asked = path.format(user_id=market.anna.id)
        for query in ({}, {"user_id": market.anna.id}) if "user_id" in names and "{" not in path else ({},):
            response = await market.stranger.get(asked, params={**query, "limit": 200})
            if response.status_code == 403:
                continue
            assert response.status_code == 200, (path, response.text)
            read += 1
            for item in response.json()["items"]:
                assert item.get("merchant_id", market.rival.id) in own, (path, item)
                assert market.shop.id not in str(item), (path, item)
    assert read >= 7
