"""Refunds and debts over REST: who may do what, and in which words it is answered."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.page import place_of
from cashback.purchases.model import Merchant, User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.pages import listed
from tests.contract.rest.world import Caller, Rest, a_purchase, instant
from tests.integration.ledger.world import World, minted_outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Shop(msgspec.Struct, frozen=True):
    """A merchant with its own key, another one, and a user who buys there."""

    user: User
    merchant: Merchant
    owner: Caller
    stranger: Caller

    async def sells(self, **changes: object) -> dict[str, Any]:
        """Return a purchase of 19.99, which earns 0.29."""
        answer = await self.owner.post("/v1/purchases", {**a_purchase(self.user), **changes})
        purchase: dict[str, Any] = answer.json()
        return purchase


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(rest: Rest, world: World) -> Shop:
    """Give all of them."""
    merchant, other = await world.merchant(), await world.merchant()
    return Shop(await world.user(), merchant, await rest.merchant(merchant), await rest.merchant(other))


def a_refund(**changes: object) -> Mapping[str, object]:
    """Return the body of a refund."""
    return {"reason": "sent back", **changes}


async def test_a_merchant_returns_its_own_purchase_and_sees_what_that_left(shop: Shop) -> None:
    """201, once a key; another merchant sees neither the purchase nor the refund."""
    purchase = await shop.sells()
    body = a_refund(purchase_id=purchase["id"], amount_minor="999", reference="R-17")
    response = await shop.owner.post("/v1/refunds", body, key="once")
    assert response.status_code == 201
    answer = response.json()
    assert (answer["state"], answer["amount_minor"], answer["kind"]) == ("applied", "999", "refund")
    assert (answer["cashback"]["net_minor"], answer["cashback"]["debt_units"]) == ("14", "0")
    again = await shop.owner.post("/v1/refunds", body, key="once")
    assert (again.content, again.headers["idempotency-replayed"]) == (response.content, "true")
    assert (await shop.owner.get(f"/v1/refunds/{answer['id']}")).json() == answer
    assert_problem(await shop.stranger.get(f"/v1/refunds/{answer['id']}"), 404, "refund_unknown", parameter="refund_id")
    body = a_refund(purchase_id=purchase["id"], amount_minor="1")
    assert_problem(await shop.stranger.post("/v1/refunds", body), 404, "purchase_unknown", pointer="/purchase_id")
    foreign = a_refund(purchase_id=purchase["id"], amount_minor="1", merchant_id=shop.merchant.id)
    assert_problem(await shop.stranger.post("/v1/refunds", foreign), 403, "not_yours", pointer="/merchant_id")


async def test_what_cannot_be_returned_is_a_problem_with_its_place(shop: Shop) -> None:
    """Above the purchase, above a line, an unknown line, nothing, a name given twice."""
    purchase = await shop.sells(lines=[{"amount_minor": "1000"}, {"amount_minor": "999"}])
    for changes, status, code, pointer in (
        ({"amount_minor": "2000"}, 409, "refund_above_purchase", "/amount_minor"),
        ({"lines": [{"line": 2, "amount_minor": "1000"}]}, 409, "refund_above_line", "/lines/0/amount_minor"),
        ({"lines": [{"line": 3, "amount_minor": "1"}]}, 422, "line_unknown", "/lines/0/line"),
        ({"amount_minor": "0"}, 422, "field_invalid", "/amount_minor"),
        ({"amount_minor": "1", "reference": "R-17"}, 409, "refund_exists", "/reference"),
    ):
        response = await shop.owner.post("/v1/refunds", a_refund(purchase_id=purchase["id"], **changes))
        assert_problem(response, status, code, pointer=pointer)


@pytest.mark.parametrize(
    "given, pointer, said",
    [
        ({"purchase_reference": "B-9"}, "/amount_minor", "neither `amount_minor` nor `lines`"),
        ({"amount_minor": "1"}, "/purchase_id", "neither `purchase_id` nor `purchase_reference`"),
        (
            {"purchase_reference": "B-9", "amount_minor": "1", "lines": [{"line": 1, "amount_minor": "1"}]},
            "/amount_minor",
            "not by both",
        ),
        ({"purchase_id": "pur_1", "purchase_reference": "B-9", "amount_minor": "1"}, "/purchase_id", "not by both"),
    ],
)
async def test_of_two_ways_to_say_it_one_is_taken(shop: Shop, given: dict[str, Any], pointer: str, said: str) -> None:
    """Who says neither is told what is missing, and who says both that it is one too many."""
    refused = await shop.owner.post("/v1/refunds", a_refund(**given))
    assert_problem(refused, 422, "field_invalid", pointer=pointer)
    assert said in refused.json()["detail"]


async def test_a_refund_before_its_purchase_is_parked_and_listed(shop: Shop) -> None:
    """Until the purchase comes; a merchant sees its own."""
    body = a_refund(purchase_reference="B-1", amount_minor="1999")
    answer = (await shop.owner.post("/v1/refunds", body)).json()
    assert (answer["state"], answer["purchase_id"], answer["cashback"]) == ("parked", None, None)
    assert [one["id"] for one in (await shop.owner.get("/v1/refunds/parked")).json()["items"]] == [answer["id"]]
    assert (await shop.stranger.get("/v1/refunds/parked")).json()["items"] == []
    purchase = await shop.sells(reference="B-1")
    shown = (await shop.owner.get(f"/v1/refunds/{answer['id']}")).json()
    assert (shown["state"], shown["purchase_id"]) == ("applied", purchase["id"])
    assert (await shop.owner.get("/v1/refunds/parked?limit=1")).json() == {"items": [], "next_cursor": None}


async def test_when_a_refund_was_asked_for_stays_beside_when_it_was_applied(world: World, shop: Shop) -> None:
    """In its answer, in every reading and by either filter; its id, and so its place in lists, is that of then."""
    asked = world.clock.now()
    body = a_refund(purchase_reference="D-1", amount_minor="1999", reference="late")
    parked = (await shop.owner.post("/v1/refunds", body, key="parked")).json()
    assert (instant(parked["created_at"]), parked["applied_at"]) == (asked, None)
    world.clock.advance(timedelta(seconds=3))
    applied = world.clock.now()
    purchase = await shop.sells(reference="D-1")
    assert (await shop.owner.post("/v1/refunds", body, key="parked")).json() == parked
    shown = (await shop.owner.get(f"/v1/refunds/{parked['id']}")).json()
    assert (instant(shown["created_at"]), instant(shown["applied_at"])) == (asked, applied)
    [listed_one] = (await shop.owner.get(f"/v1/purchases/{purchase['id']}/refunds")).json()["items"]
    [expanded] = (await shop.owner.get(f"/v1/purchases/{purchase['id']}?expand=refunds")).json()["refunds"]["items"]
    assert listed_one == expanded == shown
    for query, count in (
        ({"created_from": asked, "created_to": applied}, 1),
        ({"created_from": applied}, 0),
        ({"applied_from": applied}, 1),
        ({"applied_to": applied}, 0),
    ):
        found = await shop.owner.get(
            "/v1/refunds", params={"reference": "late", **{name: at.isoformat() for name, at in query.items()}}
        )
        assert [one["id"] for one in found.json()["items"]] == [parked["id"]] * count, query
    body = a_refund(purchase_id=(await shop.sells())["id"], amount_minor="1")
    at_once = (await shop.owner.post("/v1/refunds", body)).json()
    assert instant(at_once["created_at"]) == instant(at_once["applied_at"]) == applied


async def test_what_waits_is_told_page_by_page_in_either_order(shop: Shop) -> None:
    """The oldest first unless told otherwise; a cursor is a place among a merchant's own, in that order alone."""
    bodies = [a_refund(purchase_reference=f"C-{nth}", amount_minor="1") for nth in range(3)]
    made = sorted([(await shop.owner.post("/v1/refunds", body)).json()["id"] for body in bodies])
    assert await listed(shop.owner, "/v1/refunds/parked", limit=2) == made
    assert await listed(shop.owner, "/v1/refunds/parked", limit=2, order="desc") == made[::-1]
    cursor = (await shop.owner.get("/v1/refunds/parked", params={"limit": 1})).json()["next_cursor"]
    assert (place_of(cursor) or "").endswith(f":{made[0]}")
    for caller, query in ((shop.owner, {"order": "desc"}), (shop.stranger, {})):
        response = await caller.get("/v1/refunds/parked", params={"cursor": cursor, **query})
        assert_problem(response, 422, "cursor_invalid", parameter="cursor")


async def test_debts_are_the_operators_to_see_and_to_give_up(world: World, operator: Caller, shop: Shop) -> None:
    """What a minted purchase left after its return: requested, then uncollected and written off."""
    purchase = await shop.sells()
    cashback_id = purchase["cashback"]["id"]
    await world.request(cashback_id)
    await world.settle(await minted_outcome(world, cashback_id))
    await shop.owner.post("/v1/refunds", a_refund(purchase_id=purchase["id"], amount_minor="1999"))
    path = f"/v1/debts/{shop.user.id}"
    figures = (await operator.get(path)).json()["figures"]
    assert (figures["requested"], figures["collected"], figures["open"]) == ("290000", "0", "290000")
    [debtor] = (await operator.get("/v1/debts")).json()["items"]
    assert (debtor["user_id"], debtor["token_units"]) == (shop.user.id, "290000")
    order = {"person": "alice", "reason": "moved away"}
    nothing = await operator.post(f"{path}/write-offs", {**order, "token_units": "0"})
    assert_problem(nothing, 422, "field_invalid", pointer="/token_units")
    answer = (await operator.post(f"{path}/write-offs", order)).json()
    assert (answer["token_units"], answer["person"]) == ("290000", "alice")
    [programme] = (await operator.get("/v1/debts/programmes")).json()["items"]
    assert (programme["uncollected"], programme["written_off"], programme["open"]) == ("290000", "290000", "0")
    page = (await operator.get(f"{path}/write-offs")).json()
    [given_up], at = page["items"], await world.one("select at from ledger.write_offs")
    assert (given_up["token_units"], given_up["person"], given_up["reason"]) == ("290000", "alice", "moved away")
    assert (instant(given_up["at"]), given_up["user_id"], page["next_cursor"]) == (at, shop.user.id, None)
    stranger = await world.user()
    assert_problem(await operator.get(f"/v1/debts/{stranger.id}/write-offs"), 404, "debt_unknown", parameter="user_id")
    of_stranger = await operator.post(f"/v1/debts/{stranger.id}/write-offs", order)
    assert_problem(of_stranger, 404, "debt_unknown", parameter="user_id")
    of_nobody = await operator.post("/v1/debts/nonsense/write-offs", order)
    assert_problem(of_nobody, 404, "debt_unknown", parameter="user_id")
    given_up_before = await operator.post(f"{path}/write-offs", order)
    assert_problem(given_up_before, 409, "nothing_owed")
    assert given_up_before.json()["user_id"] == shop.user.id
    for forbidden in (path, f"{path}/write-offs", "/v1/debts", "/v1/debts/programmes"):
        assert_problem(await shop.owner.get(forbidden), 403, "operator_only")
    assert_problem(await shop.owner.post(f"{path}/write-offs", order), 403, "operator_only")


async def test_a_reference_that_is_taken_leads_to_the_refund_that_has_it(shop: Shop) -> None:
    """To one that was applied and to one that waits for its purchase alike; another merchant's is nobody else's."""
    purchase = await shop.sells()
    waiting = a_refund(purchase_reference="not yet", amount_minor="1", reference="waiting")
    for body in (a_refund(purchase_id=purchase["id"], amount_minor="1", reference="applied"), waiting):
        made = (await shop.owner.post("/v1/refunds", body)).json()
        refused = await shop.owner.post("/v1/refunds", body)
        assert_problem(refused, 409, "refund_exists", pointer="/reference")
        assert refused.json()["refund_id"] == made["id"]
        shown = (await shop.owner.get(f"/v1/refunds/{made['id']}")).json()
        assert shown["reference"] == body["reference"]
    foreign = await shop.stranger.post("/v1/refunds", waiting)
    assert (foreign.status_code, foreign.json()["state"]) == (201, "parked")
