"""What rules ask about people, over REST: a merchant's category and owners, a user's tier."""

import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.invariant("I7")
async def test_a_merchants_category_and_owners_are_set_together(operator: Caller, world: World) -> None:
    """What is left out is none; a repeat under its key is answered as before, and undoes nothing."""
    shop, owner = await world.merchant(), await world.user()
    path, key = f"/v1/merchants/{shop.id}/facts", new_key()
    made = await operator.post(path, {"mcc": "5411", "owners": [owner.id]}, key=key)
    assert (made.status_code, made.json()["mcc"], made.json()["owners"]) == (201, "5411", [owner.id])
    cleared = await operator.post(path, {})
    assert (cleared.json()["mcc"], cleared.json()["owners"]) == (None, [])
    again = await operator.post(path, {"mcc": "5411", "owners": [owner.id]}, key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (made.content, "true")
    assert (await operator.get(f"/v1/merchants/{shop.id}")).json() == cleared.json()


async def test_a_users_tier_is_set_since_then_and_taken_away(operator: Caller, world: World) -> None:
    """Since now unless told otherwise."""
    user = await world.user()
    path = f"/v1/users/{user.id}/tier"
    told = (await operator.post(path, {"tier": "gold", "since": "2026-01-01T00:00:00Z"})).json()
    assert (told["tier"], told["tier_since"]) == ("gold", "2026-01-01T00:00:00Z")
    assert (await operator.get(f"/v1/users/{user.id}")).json() == told
    assert (await operator.post(path, {"tier": "silver"})).json()["tier_since"] == "2026-03-01T12:00:00Z"
    none = (await operator.post(path, {"tier": None})).json()
    assert (none["tier"], none["tier_since"]) == (None, None)


@pytest.mark.parametrize(
    "kind,body,status,code,pointer",
    [
        ("merchants", {"mcc": "541"}, 422, "request_invalid", "/mcc"),
        ("merchants", {"owners": ["usr_nobody"]}, 404, "user_unknown", "/owners/0"),
        ("users", {"tier": "Gold"}, 422, "request_invalid", "/tier"),
        ("users", {"tier": "gold", "since": "2099-01-01T00:00:00Z"}, 422, "field_invalid", "/since"),
        ("users", {"tier": None, "since": "2026-01-01T00:00:00Z"}, 422, "field_invalid", "/since"),
        ("users", {}, 422, "request_invalid", "/tier"),
    ],
)
async def test_facts_that_cannot_be_are_refused_with_their_place(  # a table's columns
    operator: Caller, world: World, kind: str, body: dict[str, object], status: int, code: str, pointer: str
) -> None:
    """And nothing is set."""
    shop, user = await world.merchant(), await world.user()
    path = f"/v1/merchants/{shop.id}/facts" if kind == "merchants" else f"/v1/users/{user.id}/tier"
    assert_problem(await operator.post(path, body), status, code, pointer=pointer)
    assert (await operator.get(f"/v1/merchants/{shop.id}")).json()["owners"] == []
    assert (await operator.get(f"/v1/users/{user.id}")).json()["tier"] is None


async def test_an_owner_is_named_once_and_strangers_are_not_found(rest: Rest, operator: Caller, world: World) -> None:
    """And a merchant sets nothing, not even of itself."""
    shop, owner = await world.merchant(), await world.user()
    path = f"/v1/merchants/{shop.id}/facts"
    twice = await operator.post(path, {"owners": [owner.id, owner.id]})
    assert_problem(twice, 422, "field_invalid", pointer="/owners/1")
    refused = await operator.post(f"/v1/merchants/{new_id('mer')}/facts", {})
    assert_problem(refused, 404, "merchant_unknown", parameter="merchant_id")
    refused = await operator.post(f"/v1/users/{new_id('usr')}/tier", {"tier": "gold"})
    assert_problem(refused, 404, "user_unknown", parameter="user_id")
    keeper = await rest.merchant(shop)
    assert_problem(await keeper.post(path, {"mcc": "5411"}), 403, "operator_only")
