"""Reviews, pauses and what expires, over REST: an operator's, once under each key, refused by code."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase, instant, open_rest
from tests.integration.ledger.lives import life_of, with_terms
from tests.integration.ledger.test_waitlist import top_up, waiting, waitlist_of
from tests.integration.ledger.world import Dsns, World, fresh_database, new_key, open_world
from tests.support.servers import Databases

pytestmark = pytest.mark.invariant("I4", "I7")
WHY = {"person": "alice", "reason": "seen the invoice"}


@pytest.fixture
def own_dsns(databases: Databases) -> Iterator[Dsns]:
    """Give the ways into a database of this test's own: it changes the terms of the programme in force."""
    with fresh_database(databases) as ways:
        yield ways


@pytest.fixture
async def own_world(own_dsns: Dsns) -> AsyncIterator[World]:
    """Give a service over it."""
    async with open_world(own_dsns) as service:
        yield service


@pytest.fixture
async def own_rest(own_world: World) -> AsyncIterator[Rest]:
    """Give the API over it."""
    async with open_rest(own_world) as api:
        yield api


async def bought(world: World, caller: Caller, *, wallet: str | None = "any") -> dict[str, str]:
    """Give the cashback of a purchase over REST."""
    user, merchant = await world.user(wallet=wallet), await world.merchant()
    response = await caller.post("/v1/purchases", a_purchase(user, merchant))
    assert response.status_code == 201
    cashback: dict[str, str] = response.json()["cashback"]
    return cashback


async def test_two_people_approve_a_cashback_and_its_balance_moves_on(own_world: World, own_rest: Rest) -> None:
    """From the queue to the approved money; a repeat under the key of the first verdict is its own answer."""
    await with_terms(own_world, review_above_minor=0, second_above_minor=0)
    operator = await own_rest.operator()
    cashback = await bought(own_world, operator)
    assert cashback["state"] == "review"
    path, key = f"/v1/cashback/{cashback['id']}/review", new_key()
    first = await operator.post(path, {"verdict": "approve", **WHY}, key=key)
    assert (first.status_code, first.json()["is_decided"], first.json()["approvals_needed"]) == (201, False, 2)
    again = await operator.post(path, {"verdict": "approve", **WHY}, key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert_problem(
        await operator.post(path, {"verdict": "approve", **WHY}), 409, "second_person_required", pointer="/person"
    )
    [item] = (await operator.get("/v1/reviews")).json()["items"]
    assert (item["cashback_id"], [one["person"] for one in item["reviews"]]) == (cashback["id"], ["alice"])
    second = await operator.post(path, {"verdict": "approve", "person": "bob", "reason": "as well"})
    assert second.json()["is_decided"]
    story = (await operator.get(f"/v1/cashback/{cashback['id']}")).json()
    balance = (await operator.get(f"/v1/users/{story['user_id']}/balance")).json()["ledger"][0]
    assert (balance["pending"]["amount_minor"], balance["waiting"]["amount_minor"]) == ("29", "0")
    await life_of(own_world).round()
    balance = (await operator.get(f"/v1/users/{story['user_id']}/balance")).json()["ledger"][0]
    assert (balance["pending"]["amount_minor"], balance["waiting"]["amount_minor"]) == ("0", "29")
    assert (await operator.get("/v1/reviews")).json() == {"items": [], "next_cursor": None}
    assert_problem(
        await operator.post(path, {"verdict": "reject", **WHY}), 409, "not_in_review", parameter="cashback_id"
    )


async def test_a_paused_programme_declines_and_an_unknown_one_is_not_found(own_world: World, own_rest: Rest) -> None:
    """And earns again once it is resumed."""
    await with_terms(own_world)
    operator = await own_rest.operator()
    programme_id = (await operator.get("/v1/programmes/current")).json()["id"]
    paused = await operator.post(f"/v1/programmes/{programme_id}/pause", WHY)
    assert (paused.status_code, paused.json()["is_paused"], paused.json()["is_news"]) == (201, True, True)
    assert (await bought(own_world, operator))["reason"] == "programme_paused"
    assert not (await operator.post(f"/v1/programmes/{programme_id}/resume", WHY)).json()["is_paused"]
    assert (await bought(own_world, operator))["reason"] == "granted"
    unknown = f"prg_{'0' * 26}"
    assert_problem(
        await operator.post(f"/v1/programmes/{unknown}/pause", WHY), 404, "programme_unknown", parameter="programme_id"
    )


async def test_what_expires_soon_is_listed(own_world: World, own_rest: Rest) -> None:
    """Within so many days, and not later ones."""
    await with_terms(own_world, expire_after_days=10)
    operator = await own_rest.operator()
    cashback = await bought(own_world, operator, wallet=None)
    [item] = (await operator.get("/v1/expiring?within_days=10")).json()["items"]
    assert (item["cashback_id"], item["amount_minor"]) == (cashback["id"], "29")
    assert (await operator.get("/v1/expiring?within_days=9")).json() == {"items": []}


async def test_only_an_operator_decides_and_only_in_the_documented_form(own_world: World, own_rest: Rest) -> None:
    """A merchant neither reviews its own sales nor pauses anything; a verdict is one of two words."""
    await with_terms(own_world, review_above_minor=0)
    operator = await own_rest.operator()
    cashback = await bought(own_world, operator)
    merchant = await own_rest.merchant(await own_world.merchant())
    path = f"/v1/cashback/{cashback['id']}/review"
    programme = f"prg_{'0' * 26}"
    for refused in (
        await merchant.post(path, {"verdict": "approve", **WHY}),
        await merchant.post(f"/v1/programmes/{programme}/pause", WHY),
        await merchant.post(f"/v1/programmes/{programme}/resume", WHY),
        await merchant.get("/v1/reviews"),
        await merchant.get("/v1/expiring"),
    ):
        assert_problem(refused, 403, "operator_only")
    for body, pointer in (
        ({"verdict": "perhaps", **WHY}, "/verdict"),
        ({"verdict": "approve", "person": "", "reason": "x"}, "/person"),
    ):
        assert_problem(await operator.post(path, body), 422, "request_invalid", pointer=pointer)
    blank = await operator.post(path, {"verdict": "approve", "person": " ", "reason": "x"})
    assert_problem(blank, 422, "field_invalid", pointer="/person")
    assert_problem(
        await operator.post("/v1/cashback/cb_x/review", {"verdict": "approve", **WHY}),
        404,
        "cashback_unknown",
        parameter="cashback_id",
    )
    assert await own_world.one("select count(*) from ledger.reviews") == 0


async def test_pauses_and_their_ends_are_told_the_last_first(own_world: World, own_rest: Rest) -> None:
    """Who and why, page by page; what was no news is not among them, and a merchant sees none."""
    programme, operator = await own_world.programme(), await own_rest.operator()
    path = f"/v1/programmes/{programme.id}"
    for act, reason in (("pause", "a"), ("pause", "again"), ("resume", "b"), ("pause", "c")):
        assert (await operator.post(f"{path}/{act}", {"person": "alice", "reason": reason})).status_code == 201
    first = (await operator.get(f"{path}/pauses", params={"limit": 2})).json()
    rest = (await operator.get(f"{path}/pauses", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    told = [(one["is_paused"], one["person"], one["reason"]) for one in first["items"] + rest["items"]]
    assert told == [(True, "alice", "c"), (False, "alice", "b"), (True, "alice", "a")]
    assert rest["next_cursor"] is None
    assert_problem(
        await operator.get("/v1/programmes/prg_nobody/pauses"), 404, "programme_unknown", parameter="programme_id"
    )
    merchant = await own_rest.merchant(await own_world.merchant())
    assert_problem(await merchant.get(f"{path}/pauses"), 403, "operator_only")


async def test_who_waits_for_budget_is_told_in_the_order_of_the_line(own_world: World, own_rest: Rest) -> None:
    """How much each wants, since when and for how long; who is paid has left the line."""
    _, campaign_id, answers = await waiting(own_world, 30_000, 10_000, 20_000)
    operator = await own_rest.operator()
    path = f"/v1/campaigns/{campaign_id}/waitlist"
    first = (await operator.get(path, params={"limit": 2})).json()
    rest = (await operator.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    told = first["items"] + rest["items"]
    assert [one["cashback_id"] for one in told] == [answer.cashback.id for answer in answers]
    assert [(one["wanted_minor"], one["currency"]) for one in told] == [(n, "USD") for n in ("3000", "1000", "2000")]
    assert (told[0]["user_id"], told[0]["merchant_id"]) == (answers[0].user_id, answers[0].merchant_id)
    assert instant(told[0]["waits_until"]) - instant(told[0]["waiting_since"]) == timedelta(days=30)
    await top_up(own_world, campaign_id, 900)
    await waitlist_of(own_world).round()
    assert len((await operator.get(path)).json()["items"]) == 2
    assert_problem(
        await operator.get("/v1/campaigns/cmp_nobody/waitlist"), 404, "campaign_unknown", parameter="campaign_id"
    )
    merchant = await own_rest.merchant(await own_world.merchant())
    assert_problem(await merchant.get(path), 403, "operator_only")
