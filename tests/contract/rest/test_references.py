"""A merchant's reference is the name of one purchase, over REST: another key is told which (I7)."""

import asyncio

import pytest

from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.invariant("I7")
async def test_one_order_under_many_keys_is_one_purchase(rest: Rest, operator: Caller) -> None:
    """201 once, and 409 with its id for all others: the merchant's own key and an operator's alike (I7)."""
    user, shop = await rest.world.user(), await rest.world.merchant()
    merchant = await rest.merchant(shop)
    before = await rest.world.one("select count(*) from purchases.purchases")
    body = a_purchase(user, shop, reference="A-1")
    answers = await asyncio.gather(*[one.post("/v1/purchases", body) for _ in range(8) for one in (operator, merchant)])
    [recorded] = [answer for answer in answers if answer.status_code == 201]
    for refused in answers:
        if refused is not recorded:
            assert_problem(refused, 409, "purchase_exists", pointer="/reference")
            assert refused.json()["purchase_id"] == recorded.json()["id"]
            assert "retry-after" not in refused.headers
    assert await rest.world.one("select count(*) from purchases.purchases") == before + 1
    elsewhere = await operator.post("/v1/purchases", {**body, "merchant_id": (await rest.world.merchant()).id})
    assert elsewhere.status_code == 201
