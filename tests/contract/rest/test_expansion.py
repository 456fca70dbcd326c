"""What is told with purchases in a list, its order, its periods, and how its pages follow each other."""

from typing import Any

import pytest
import pytest_asyncio

from tests.contract.rest.document import assert_problem
from tests.contract.rest.market import Market, opened
from tests.contract.rest.pages import listed
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import START, World, buy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market(rest: Rest, world: World) -> Market:
    """Give what was bought at two shops."""
    return await opened(rest, world)


async def test_purchases_are_told_with_their_cashback_and_refunds_where_that_is_wanted(
    operator: Caller, market: Market
) -> None:
    """Each as it is told by itself; a purchase without refunds has an empty list of them."""
    query = {"merchant_id": market.shop.id, "expand": "refunds,cashback"}
    items: list[dict[str, Any]] = (await operator.get("/v1/purchases", params=query)).json()["items"]
    by_word = {next(iter(market.named([item["id"]]))): item for item in items}
    shoes, tea = by_word["shoes"], by_word["tea"]
    assert (shoes["cashback"]["state"], tea["cashback"]["state"]) == ("approved", "declined")
    refunds = [(await operator.get(f"/v1/refunds/{market.refunds[word]}")).json() for word in ("lace", "sole")]
    assert shoes["refunds"] == {"items": refunds, "has_more": False}
    assert tea["refunds"] == {"items": [], "has_more": False}
    path = f"/v1/purchases/{shoes['id']}"
    assert (await operator.get(path, params={"expand": "refunds"})).json()["refunds"] == shoes["refunds"]
    alone = (await operator.get(path)).json()
    assert "refunds" not in alone
    assert (await operator.get(path, params={"expand": "cashback"})).json() == alone
    assert (await operator.get(path, params={"expand": "cashback,refunds"})).json()["refunds"] == shoes["refunds"]
    only = (await operator.get("/v1/purchases", params={**query, "expand": "cashback"})).json()["items"]
    assert all("cashback" in item and "refunds" not in item for item in only)


async def test_of_many_refunds_the_first_are_told_with_a_purchase(world: World, operator: Caller) -> None:
    """Twenty of them, and that there are more, which have a list of their own."""
    [answer] = await world.record(buy(await world.user(), await world.merchant()))
    body = {"reason": "piece by piece", "purchase_id": answer.id, "amount_minor": "1"}
    made = [(await operator.post("/v1/refunds", body)).json()["id"] for _ in range(21)]
    shown = (await operator.get(f"/v1/purchases/{answer.id}", params={"expand": "refunds"})).json()["refunds"]
    assert ([one["id"] for one in shown["items"]], shown["has_more"]) == (made[:20], True)
    assert set(await listed(operator, f"/v1/purchases/{answer.id}/refunds", limit=8)) == set(made)


async def test_refunds_are_told_in_the_bytes_of_their_answers(world: World, operator: Caller, market: Market) -> None:
    """Thousands may be told with one page: they are neither read nor written anew."""
    await world.rows("alter table purchases.refunds disable trigger all")
    spaced = (
        "update purchases.refunds set answer = convert_to(convert_from(answer, 'UTF8') || ' ', 'UTF8') where id = %s"
    )
    await world.rows(spaced, market.refunds["page"])
    await world.rows("alter table purchases.refunds enable trigger all")
    answer = bytes(await world.one("select answer from purchases.refunds where id = %s", market.refunds["page"]))
    assert answer.endswith(b"} ")
    purchase_id = market.purchases["book"]
    for path, query in (
        ("/v1/purchases", {"merchant_id": market.rival.id, "expand": "refunds"}),
        (f"/v1/purchases/{purchase_id}", {"expand": "refunds"}),
        ("/v1/refunds", {"merchant_id": market.rival.id}),
    ):
        assert answer in (await operator.get(path, params=query)).content, path


async def test_nothing_else_is_told_with_a_purchase(operator: Caller, market: Market) -> None:
    """422 with the parameter, as of a list so of a single purchase."""
    for path, text in (
        ("/v1/purchases", "user"),
        ("/v1/purchases", ""),
        ("/v1/purchases", "cashback,,refunds"),
        (f"/v1/purchases/{market.purchases['tea']}", "user"),
        (f"/v1/purchases/{market.purchases['tea']}", "cashback,"),
    ):
        response = await operator.get(path, params={"expand": text})
        assert_problem(response, 422, "request_invalid", parameter="expand")


async def test_refunds_are_told_to_keys_that_may_read_them(rest: Rest, market: Market) -> None:
    """Whichever way they are asked for."""
    narrow = await rest.merchant(market.shop, scopes=["purchases:read"])
    assert (await narrow.get("/v1/purchases", params={"expand": "cashback"})).status_code == 200
    for path in ("/v1/purchases", f"/v1/purchases/{market.purchases['shoes']}"):
        response = await narrow.get(path, params={"expand": "refunds"})
        assert_problem(response, 403, "scope_missing")
        assert response.json()["scope"] == "refunds:read"


async def test_a_period_that_is_none_is_refused(operator: Caller) -> None:
    """It ends before it begins, or when it begins."""
    for path, name in (("/v1/purchases", "occurred"), ("/v1/purchases", "received"), ("/v1/refunds", "created")):
        query = {f"{name}_from": START.isoformat(), f"{name}_to": START.isoformat()}
        assert_problem(await operator.get(path, params=query), 422, "request_invalid", parameter=f"{name}_to")
    for query in ({"order": "newest"}, {"currency": "usd"}):
        response = await operator.get("/v1/purchases", params=query)
        assert_problem(response, 422, "request_invalid", parameter=next(iter(query)))


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_follow_each_other_without_gap_or_repeat_while_others_buy(
    world: World, operator: Caller, order: str
) -> None:
    """What there was when the first page was read is told once, in the order of the ids, whatever comes meanwhile."""
    user, shop = await world.user(), await world.merchant()
    before = {answer.id for answer in await world.record(*[buy(user, shop) for _ in range(23)])}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        query = {"merchant_id": shop.id, "order": order, "limit": 5, "expand": "cashback", **cursor}
        page = (await operator.get("/v1/purchases", params=query)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        if len(seen) < 20:
            await world.record(buy(user, shop))
    assert seen == sorted(set(seen), reverse=order == "desc")
    assert before <= set(seen)
    assert order == "asc" or set(seen) == before


async def test_a_cursor_goes_on_in_its_own_list_alone(operator: Caller, market: Market) -> None:
    """Another filter, another order, another list, another caller: 422, and no page that skips or repeats."""
    query = {"merchant_id": market.shop.id, "limit": 1}
    cursor = (await operator.get("/v1/purchases", params=query)).json()["next_cursor"]
    assert (await operator.get("/v1/purchases", params={**query, "limit": 2, "cursor": cursor})).status_code == 200
    for path, other in (
        ("/v1/purchases", {}),
        ("/v1/purchases", {"merchant_id": market.rival.id}),
        ("/v1/purchases", {**query, "currency": "USD"}),
        ("/v1/purchases", {**query, "order": "asc"}),
        ("/v1/refunds", query),
        ("/v1/cashback", query),
        ("/v1/users", {}),
        ("/v1/programmes", {}),
        (f"/v1/users/{market.anna.id}/cashback", {}),
    ):
        response = await operator.get(path, params={**other, "cursor": cursor})
        assert_problem(response, 422, "cursor_invalid", parameter="cursor")
    response = await market.stranger.get("/v1/purchases", params={"limit": 1, "cursor": cursor})
    assert_problem(response, 422, "cursor_invalid", parameter="cursor")
