"""Who may earn at present, over REST: an operator's to say, once under each key, with a person and a reason."""

from typing import Final

import httpx
import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHY: Final = {"person": "alice", "reason": "buys and returns"}
VERBS: Final = (
    "users/{user}/block",
    "users/{user}/unblock",
    "merchants/{shop}/deactivate",
    "merchants/{shop}/activate",
)
JOURNALS: Final = ("users/{user}/blocks", "merchants/{shop}/deactivations")


@pytest.mark.invariant("I7")
async def test_a_user_is_blocked_earns_nothing_and_is_unblocked(operator: Caller, world: World) -> None:
    """Both are told by the user and by the journal, newest first; a repeat under its key blocks nobody anew."""
    user, shop = await world.user(), await world.merchant()
    path, key = f"/v1/users/{user.id}", new_key()
    made = await operator.post(f"{path}/block", WHY, key=key)
    told = {"user_id": user.id, "is_blocked": True, "is_news": True, "at": "2026-03-01T12:00:00Z", **WHY}
    assert (made.status_code, made.json()) == (201, told)
    shown = (await operator.get(path)).json()
    assert (shown["is_blocked"], shown["blocked_since"]) == (True, told["at"])
    bought = await operator.post("/v1/purchases", a_purchase(user, shop))
    assert (bought.status_code, bought.json()["cashback"]["reason"]) == (201, "user_blocked")
    ended = (await operator.post(f"{path}/unblock", {"person": "bob", "reason": "mended"})).json()
    assert (ended["is_blocked"], ended["is_news"], ended["person"]) == (False, True, "bob")
    again = await operator.post(f"{path}/block", WHY, key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (made.content, "true")
    shown = (await operator.get(path)).json()
    assert (shown["is_blocked"], shown["blocked_since"]) == (False, None)
    bought = await operator.post("/v1/purchases", a_purchase(user, shop))
    assert bought.json()["cashback"]["reason"] == "granted"
    first = (await operator.get(f"{path}/blocks?limit=1")).json()
    assert [(one["is_blocked"], one["person"]) for one in first["items"]] == [(False, "bob")]
    last = (await operator.get(f"{path}/blocks", params={"cursor": first["next_cursor"]})).json()
    assert last == {"items": [{"is_blocked": True, "at": told["at"], **WHY}], "next_cursor": None}


async def test_a_merchant_is_deactivated_and_sees_since_when_but_not_why(
    rest: Rest, operator: Caller, world: World
) -> None:
    """It still records its purchases, which earn nothing until it is active again."""
    user, shop = await world.user(), await world.merchant()
    keeper, path = await rest.merchant(shop), f"/v1/merchants/{shop.id}"
    told = (await operator.post(f"{path}/deactivate", WHY)).json()
    at = "2026-03-01T12:00:00Z"
    assert told == {"merchant_id": shop.id, "is_active": False, "is_news": True, "at": at, **WHY}
    shown = (await keeper.get(path)).json()
    assert (shown["is_active"], shown["inactive_since"]) == (False, at)
    assert WHY["reason"] not in str(shown)
    assert (await keeper.post("/v1/purchases", a_purchase(user))).json()["cashback"]["reason"] == "merchant_inactive"
    assert not (await operator.post(f"{path}/deactivate", {"person": "bob", "reason": "as well"})).json()["is_news"]
    assert (await operator.post(f"{path}/activate", WHY)).json()["is_active"]
    assert (await keeper.post("/v1/purchases", a_purchase(user))).json()["cashback"]["reason"] == "granted"
    said = (await operator.get(f"{path}/deactivations")).json()["items"]
    assert said == [{"is_active": True, "at": at, **WHY}, {"is_active": False, "at": at, **WHY}]


async def test_of_whom_nothing_was_ever_said_nobody_is_named(operator: Caller, world: World) -> None:
    """Ending a block that there is not is no news, and their journal is empty."""
    user = await world.user()
    told = (await operator.post(f"/v1/users/{user.id}/unblock", WHY)).json()
    nobody = {"person": None, "reason": None, "at": None}
    assert told == {"user_id": user.id, "is_blocked": False, "is_news": False, **nobody}
    assert (await operator.get(f"/v1/users/{user.id}/blocks")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "body,code,pointer",
    [
        ({"person": "alice"}, "request_invalid", "/reason"),
        ({"person": "", "reason": "x"}, "request_invalid", "/person"),
        ({"person": "alice", "reason": "x" * 501}, "request_invalid", "/reason"),
        ({"person": " ", "reason": "x"}, "field_invalid", "/person"),
        ({"person": "alice", "reason": "a\u0007b"}, "field_invalid", "/reason"),
    ],
)
async def test_without_a_person_and_a_reason_nothing_is_changed(  # a table's columns
    operator: Caller, world: World, verb: str, body: dict[str, object], code: str, pointer: str
) -> None:
    """Each is refused with its place, and nothing is kept."""
    path = verb.format(user=(await world.user()).id, shop=(await world.merchant()).id)
    counts = ", ".join(f"(select count(*) from purchases.{each})" for each in ("user_blocks", "merchant_deactivations"))
    before = await world.rows(f"select {counts}")
    assert_problem(await operator.post(f"/v1/{path}", body), 422, code, pointer=pointer)
    assert await world.rows(f"select {counts}") == before


@pytest.mark.parametrize("route", [*VERBS, *JOURNALS])
async def test_strangers_are_not_found_and_merchants_are_not_let_in(rest: Rest, world: World, route: str) -> None:
    """Well-formed ids of nobody and others; a merchant says nothing, not even of itself."""
    operator, shop = await rest.operator(), await world.merchant()
    keeper = await rest.merchant(shop)

    async def asked(caller: Caller, user: str, merchant: str) -> httpx.Response:
        """Return the answer of the route about this user or merchant."""
        path = f"/v1/{route.format(user=user, shop=merchant)}"
        return await (caller.get(path) if route in JOURNALS else caller.post(path, WHY))

    kind, parameter = ("user", "user_id") if route.startswith("users") else ("merchant", "merchant_id")
    for user, merchant in ((new_id("usr"), new_id("mer")), ("usr_x", "mer_x")):
        assert_problem(await asked(operator, user, merchant), 404, f"{kind}_unknown", parameter=parameter)
    assert_problem(await asked(keeper, (await world.user()).id, shop.id), 403, "operator_only")
