"""Cashback by hand over REST: an operator's, once under each key, refused by code; read back as one and as a list."""

import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.test_people_decide import own_dsns, own_rest, own_world
from tests.contract.rest.world import Rest
from tests.integration.ledger.world import World

__all__ = ["own_dsns", "own_rest", "own_world"]

pytestmark = pytest.mark.invariant("I1", "I7")
WHY = {"person": "alice", "reason": "the parcel came late"}


async def test_cashback_is_given_and_taken_back_by_hand(own_world: World, own_rest: Rest) -> None:
    """201 with the adjustment; the cashback has no purchase and its reason; both are listed, newest first."""
    operator, user, programme = await own_rest.operator(), await own_world.user(), await own_world.programme()
    credit = {"kind": "credit", "user_id": user.id, "programme_id": programme.id, "amount_minor": "500", **WHY}
    given = await operator.post("/v1/adjustments", credit)
    assert given.status_code == 201, given.text
    made = given.json()
    assert (made["kind"], made["cashback_state"], made["token_units"]) == ("credit", "approved", "5000000")
    told = (await operator.get(f"/v1/cashback/{made['cashback_id']}")).json()
    assert (told["purchase_id"], told["reason"], told["adjusted_because"]) == (None, "adjusted", WHY["reason"])
    assert (await operator.get(f"/v1/cashback/{made['cashback_id']}/explanation")).json()["engine"] == 0
    debit = {"kind": "debit", "cashback_id": made["cashback_id"], "amount_minor": "200", **WHY}
    taken = (await operator.post("/v1/adjustments", debit)).json()
    assert (taken["net_minor"], taken["token_units"]) == ("300", "0")
    problem = await operator.post("/v1/adjustments", {**debit, "amount_minor": "301"})
    assert_problem(problem, 409, "debit_above_rest", pointer="/amount_minor")
    listed = (await operator.get(f"/v1/adjustments?user_id={user.id}&limit=1")).json()
    assert [one["id"] for one in listed["items"]] == [taken["id"]]
    rest = (await operator.get(f"/v1/adjustments?user_id={user.id}&cursor={listed['next_cursor']}")).json()
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == ([made["id"]], None)
    assert (await operator.get(f"/v1/adjustments/{made['id']}")).json()["net_minor"] == "300"
    for stranger in (new_id("usr"), "customer-1"):
        nobody = await operator.get(f"/v1/adjustments?user_id={stranger}")
        assert_problem(nobody, 404, "user_unknown", parameter="user_id")
    assert_problem(await operator.get("/v1/adjustments/adj_none"), 404, "adjustment_unknown", parameter="adjustment_id")
    await own_world.assert_books_prove()
