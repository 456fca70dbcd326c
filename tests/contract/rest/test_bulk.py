"""Many purchases in one request over REST: answered in their places, bounded, and once (I7)."""

from typing import Any

import msgspec
import pytest

from cashback.kernel.http.commands import REPLAYED
from cashback.purchases.http.bulk import BULK_BYTES_MAX
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/purchases/bulk"


def counts(answer: dict[str, Any]) -> tuple[int, int, int]:
    """Return how many were recorded, replayed and refused."""
    return answer["recorded"], answer["replayed"], answer["refused"]


@pytest.mark.invariant("I7")
async def test_each_purchase_is_answered_in_its_place(rest: Rest, operator: Caller) -> None:
    """As it would be by itself, with the place of what is wrong in the whole request; a repeat says the same (I7)."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    alone = await operator.post("/v1/purchases", a_purchase(user, merchant, reference="A-1"))
    purchases = [
        a_purchase(user, merchant, reference="A-2"),
        a_purchase(user, merchant, reference="A-1"),
        a_purchase("usr_1", merchant),
        a_purchase(user, merchant, lines=[{"amount_minor": "1"}]),
        a_purchase(user, merchant),
    ]
    key = new_key()
    first = await operator.post(PATH, {"purchases": purchases}, key=key)
    assert (first.status_code, REPLAYED in first.headers, counts(first.json())) == (201, False, (2, 0, 3))
    items = first.json()["items"]
    assert [item["status"] for item in items] == [201, 409, 404, 422, 201]
    problems = [item["problem"] for item in items if "problem" in item]
    assert [(one["status"], one["code"], one["pointer"]) for one in problems] == [
        (409, "purchase_exists", "/purchases/1/reference"),
        (404, "user_unknown", "/purchases/2/user_id"),
        (422, "field_invalid", "/purchases/3/lines"),
    ]
    assert problems[0]["purchase_id"] == alone.json()["id"]
    assert {one["trace_id"] for one in problems} == {first.headers["traceparent"].split("-")[1]}
    shown = await operator.get(f"/v1/purchases/{items[0]['purchase']['id']}")
    assert (shown.json()["reference"], items[0]["purchase"]["reference"]) == ("A-2", "A-2")
    before = await rest.stored()
    again = await operator.post(PATH, {"purchases": purchases}, key=key)
    assert (again.status_code, again.headers[REPLAYED], counts(again.json())) == (201, "true", (0, 2, 3))
    assert [item.get("purchase") for item in again.json()["items"]] == [item.get("purchase") for item in items]
    assert [item.get("is_replay") for item in again.json()["items"]] == [True, None, None, None, True]
    assert await rest.stored() == before


@pytest.mark.invariant("I7")
async def test_a_bulk_is_refused_as_a_whole_for_its_form_its_key_and_its_merchants(
    rest: Rest, operator: Caller
) -> None:
    """Before anything of it is recorded, with the place of the first fault (I7)."""
    user, shop, other = await rest.world.user(), await rest.world.merchant(), await rest.world.merchant()
    merchant = await rest.merchant(shop)
    key, sound = new_key(), a_purchase(user, shop)
    await operator.post(PATH, {"purchases": [sound]}, key=key)
    before = await rest.stored()
    for caller, purchases, status, code, pointer in (
        (operator, [], 422, "request_invalid", "/purchases"),
        (operator, [sound] * 1_001, 422, "request_invalid", "/purchases"),
        (operator, [sound, {**sound, "amount_minor": 1}], 422, "request_invalid", "/purchases/1/amount_minor"),
        (operator, [sound, {**sound, "tip": "1"}], 422, "request_invalid", "/purchases/1/tip"),
        (operator, [sound, a_purchase(user)], 422, "field_invalid", "/purchases/1/merchant_id"),
        (merchant, [sound, a_purchase(user, other)], 403, "not_yours", "/purchases/1/merchant_id"),
    ):
        refused = await caller.post(PATH, {"purchases": purchases})
        assert_problem(refused, status, code, pointer=pointer)
    reused = await operator.post(PATH, {"purchases": [sound, sound]}, key=key)
    assert_problem(reused, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert await rest.stored() == before
    own = await merchant.post(PATH, {"purchases": [a_purchase(user), sound]})
    assert counts(own.json()) == (2, 0, 0)


async def test_a_thousand_purchases_fit_and_no_more_than_the_bound_is_read(rest: Rest, operator: Caller) -> None:
    """The longest that purchases without lines may be: 1,000 of them are one request; beyond 4 MiB is 413."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    purchases = [a_purchase(user, merchant, reference=f"{number:0200d}") for number in range(1_000)]
    answer = await operator.post(PATH, {"purchases": purchases})
    assert counts(answer.json()) == (1_000, 0, 0)
    huge = msgspec.json.encode({"purchases": [a_purchase(user, merchant, reference="x" * BULK_BYTES_MAX)]})
    assert_problem(await operator.post(PATH, huge), 413, "body_too_large")


async def test_each_part_tells_of_its_own_places(rest: Rest, operator: Caller) -> None:
    """All of them, from the root of the whole request; of a thousand parts each tells five at most."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    unsound = {"amount_minor": str(2**63), "reference": "a\u2028b", "occurred_at": "2026-03-03T12:00:00Z"}
    lines = [{"amount_minor": "1", "sku": "a\u2028"}] * 9
    bodies = [a_purchase(user, merchant, **unsound, lines=lines), a_purchase("x", merchant, **unsound)]
    items = (await operator.post(PATH, {"purchases": bodies})).json()["items"]
    first, second = ([error["pointer"] for error in item["problem"]["errors"]] for item in items)
    assert first == ["/purchases/0/amount_minor", *(f"/purchases/0/lines/{place}/sku" for place in range(4))]
    assert second == [f"/purchases/1/{name}" for name in ("user_id", "amount_minor", "occurred_at", "reference")]
