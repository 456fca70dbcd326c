"""Campaigns over REST: a budget in the books that is raised, lowered, told of and foretold."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from cashback.kernel.money import INT63_MAX
from cashback.ledger.service import Waitlist
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import START, World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def programme(rest: Rest, world: World) -> str:
    """Give a programme of 1.5 % with a campaign `base` of 10,000.00 USD."""
    del rest
    world.clock.advance(START - world.clock.now())
    await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")
    return (await world.programme()).id


async def created(operator: Caller, programme: str, **terms: object) -> dict[str, Any]:
    """Return the answer to a new campaign of 1,000.00 USD, save for `terms`."""
    body = {"programme_id": programme, "name": new_key(), "budget_minor": "100000", **terms}
    response = await operator.post("/v1/campaigns", body)
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def base_of(operator: Caller, programme: str) -> str:
    """Return the campaign that the programme started with."""
    items = (await operator.get(f"/v1/programmes/{programme}/campaigns")).json()["items"]
    return str(next(item["id"] for item in items if item["name"] == "base"))


async def test_a_campaign_is_created_with_its_budget_in_the_books(
    operator: Caller, world: World, programme: str
) -> None:
    """Split over its stripes; its programme's budget is the sum of its campaigns'."""
    told = await created(operator, programme, stripes=3, day_limit_minor="5000", on_exhaustion="waitlist")
    assert (told["currency"], told["starts_at"], told["closed_at"]) == ("USD", "2026-03-01T12:00:00Z", None)
    assert (await operator.get(f"/v1/campaigns/{told['id']}")).json() == told
    held = await world.rows(
        "select balance from ledger.accounts where owner = %s and kind = 'budget' order by stripe", told["id"]
    )
    assert held == [(33_334,), (33_333,), (33_333,)]
    whole = (await operator.get(f"/v1/programmes/{programme}")).json()
    assert (whole["budget_minor"], whole["budget_left_minor"]) == ("1100000", "1100000")
    listed = (await operator.get(f"/v1/programmes/{programme}/campaigns")).json()["items"]
    assert [item["name"] for item in listed] == ["base", told["name"]]
    await world.assert_books_prove()


@pytest.mark.invariant("I1", "I8")
async def test_a_top_up_pays_who_waits_for_it_and_the_story_of_the_cashback_says_so(
    operator: Caller, world: World, programme: str
) -> None:
    """Campaign, ruleset, purchase, top-up and what is told afterwards by the API; the worker does the rest."""
    campaign = (await created(operator, programme, budget_minor="100", on_exhaustion="waitlist"))["id"]
    rules = {"rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 1_000}}]}
    body = {"programme_id": programme, "name": "Waits", "document": rules}
    draft = (await operator.post("/v1/ruleset-drafts", body)).json()["id"]
    published = await operator.post(f"/v1/ruleset-drafts/{draft}/publish", {}, headers={"If-Match": '"1"'})
    assert published.status_code == 201
    world.clock.advance(timedelta(hours=1))
    at = world.clock.now().isoformat()
    bought = a_purchase(await world.user(), await world.merchant(), occurred_at=at)
    told = (await operator.post("/v1/purchases", bought)).json()["cashback"]
    assert (told["state"], told["reason"]) == ("waitlisted", "budget_waitlisted")
    waitlist = Waitlist(world.worker, clock=world.clock)
    assert await waitlist.round() == []
    more = {"amount_minor": "1000", "reason": "they wait"}
    assert (await operator.post(f"/v1/campaigns/{campaign}/top-up", more)).status_code == 201
    await waitlist.round()
    shown = (await operator.get(f"/v1/cashback/{told['id']}")).json()
    assert (shown["state"], shown["reason"], shown["amount_minor"]) == ("approved", "granted", "199")
    why = (await operator.get(f"/v1/cashback/{told['id']}/explanation")).json()
    assert why["reason"] == "granted"
    left = (await operator.get(f"/v1/campaigns/{campaign}")).json()["budget_left_minor"]
    assert left == str(1_100 - 199)
    await world.assert_books_prove()


@pytest.mark.invariant("I7")
async def test_a_budget_is_raised_and_lowered_once_per_key_with_a_reason(
    operator: Caller, world: World, programme: str
) -> None:
    """Never below what was promised: all that is left can be withdrawn, and no unit more."""
    campaign = await base_of(operator, programme)
    user, shop = await world.user(), await world.merchant()
    await operator.post("/v1/purchases", a_purchase(user, shop, amount_minor="100000"))
    key = new_key()
    body = {"amount_minor": "500", "reason": "a good week"}
    answers = [await operator.post(f"/v1/campaigns/{campaign}/top-up", body, key=key) for _ in range(2)]
    assert [one.json()["budget_left_minor"] for one in answers] == ["999000", "999000"]
    refused = await operator.post(f"/v1/campaigns/{campaign}/withdraw", {**body, "amount_minor": "999001"})
    assert_problem(refused, 409, "budget_below_reserved", pointer="/amount_minor")
    assert refused.json()["left_minor"] == "999000"
    taken = await operator.post(f"/v1/campaigns/{campaign}/withdraw", {**body, "amount_minor": "999000"})
    assert (taken.json()["budget_minor"], taken.json()["budget_left_minor"]) == ("1500", "0")
    kept = await world.rows(
        "select cause, amount_minor, reason from ledger.budget_changes where campaign_id = %s order by position",
        campaign,
    )
    assert kept == [("funding", 500, "a good week"), ("withdrawal", 999_000, "a good week")]
    await world.assert_books_prove()


async def test_withdrawals_at_the_same_time_never_take_a_unit_twice(
    operator: Caller, world: World, programme: str
) -> None:
    """Four of 40 out of 100: two are served."""
    told = await created(operator, programme, budget_minor="100", stripes=4)
    body = {"amount_minor": "40", "reason": "moved elsewhere"}
    path = f"/v1/campaigns/{told['id']}/withdraw"
    responses = await asyncio.gather(*[operator.post(path, body) for _ in range(4)])
    assert sorted(response.status_code for response in responses) == [201, 201, 409, 409]
    assert (await operator.get(f"/v1/campaigns/{told['id']}")).json()["budget_left_minor"] == "20"
    await world.assert_books_prove()


async def test_the_story_of_a_budget_adds_up_and_foretells_its_end(
    operator: Caller, world: World, programme: str
) -> None:
    """Funded = left + reserved + spent, before and after mints are requested; ten days of 10.00 USD."""
    campaign = await base_of(operator, programme)
    path = f"/v1/campaigns/{campaign}/budget"
    assert (await operator.get(path)).json()["forecast"] is None
    user, shop = await world.user(), await world.merchant()
    for _ in range(10):
        made = a_purchase(user, shop, amount_minor="66667", occurred_at=world.clock.now().isoformat())
        assert (await operator.post("/v1/purchases", made)).status_code == 201
        world.clock.advance(timedelta(days=1))
    told = (await operator.get(path)).json()
    figures = [told[f"{name}_minor"] for name in ("funded", "left", "reserved", "spent", "given_back")]
    assert figures == ["1000000", "990000", "10000", "0", "0"]
    assert [(day["day"], day["granted_minor"]) for day in told["days"][:2]] == [
        ("2026-03-01", "1000"),
        ("2026-03-02", "1000"),
    ]
    assert told["forecast"] == {
        "day": "2028-11-25",
        "earliest": "2028-11-25",
        "latest": "2028-11-25",
        "days_seen": 10,
        "stretch_days": 7,
        "method": "mean_of_whole_days",
    }
    assert len((await operator.get(path, params={"days": 3})).json()["days"]) == 2
    await world.request()
    after = (await operator.get(path)).json()
    assert (after["reserved_minor"], after["spent_minor"]) == ("0", "10000")


async def test_a_closed_campaign_takes_no_more_and_no_ruleset_names_it(
    operator: Caller, world: World, programme: str
) -> None:
    """Its money can be withdrawn; a draft that names it is found out."""
    told = await created(operator, programme)
    path = f"/v1/campaigns/{told['id']}"
    closed = await operator.post(f"{path}/close", {"reason": "over"})
    assert (closed.status_code, closed.json()["closed_at"]) == (201, "2026-03-01T12:00:00Z")
    assert_problem(
        await operator.post(f"{path}/close", {"reason": "again"}), 409, "campaign_closed", parameter="campaign_id"
    )
    body = {"amount_minor": "100000", "reason": "over"}
    assert_problem(await operator.post(f"{path}/top-up", body), 409, "campaign_closed", parameter="campaign_id")
    assert (await operator.post(f"{path}/withdraw", body)).json()["budget_left_minor"] == "0"
    rule = {"id": "base", "campaign": told["id"], "earns": {"kind": "percent", "rate_bps": 1}}
    drafted = {"programme_id": programme, "name": "x", "document": {"rules": [rule]}}
    draft = (await operator.post("/v1/ruleset-drafts", drafted)).json()["id"]
    linted = (await operator.post(f"/v1/ruleset-drafts/{draft}/lint", {})).json()
    assert [one["code"] for one in linted["findings"]] == ["campaign_unknown", "grant_unbounded"]
    await world.assert_books_prove()


@pytest.mark.parametrize(
    "changes,status,code,pointer",
    [
        ({"budget_minor": "0"}, 422, "campaign_invalid", "/budget_minor"),
        ({"budget_minor": None}, 422, "request_invalid", "/budget_minor"),
        ({"budget_minor": str(INT63_MAX)}, 422, "programme_invalid", "/budget_minor"),
        ({"day_limit_minor": "0"}, 422, "campaign_invalid", "/day_limit_minor"),
        ({"stripes": 65}, 422, "request_invalid", "/stripes"),
        ({"on_exhaustion": "panic"}, 422, "request_invalid", "/on_exhaustion"),
        ({"starts_at": "2026-02-01T00:00:00Z"}, 422, "campaign_invalid", "/starts_at"),
        ({"starts_at": "2026-04-01T00:00:00"}, 422, "campaign_invalid", "/starts_at"),
        ({"ends_at": "2026-03-01T12:00:00Z"}, 422, "campaign_invalid", "/ends_at"),
        ({"name": "base"}, 409, "campaign_exists", "/name"),
        ({"programme_id": "prg_1"}, 404, "programme_unknown", "/programme_id"),
    ],
)
async def test_a_campaign_that_cannot_be_is_refused_with_its_place(  # a table's columns
    rest: Rest, operator: Caller, programme: str, changes: dict[str, object], status: int, code: str, pointer: str
) -> None:
    """And nothing of it is stored."""
    body = {"programme_id": programme, "name": new_key(), "budget_minor": "1000", **changes}
    before = await rest.stored()
    assert_problem(await operator.post("/v1/campaigns", body), status, code, pointer=pointer)
    assert await rest.stored() == before


async def test_what_there_is_not_is_not_found(rest: Rest, operator: Caller, world: World) -> None:
    """And a merchant has no part in budgets."""
    path = f"/v1/campaigns/{new_id('cmp')}"
    assert_problem(await operator.get(path), 404, "campaign_unknown", parameter="campaign_id")
    refused = await operator.post(f"{path}/top-up", {"amount_minor": "1", "reason": "x"})
    assert_problem(refused, 404, "campaign_unknown", parameter="campaign_id")
    keeper = await rest.merchant(await world.merchant())
    assert_problem(await keeper.get(path), 403, "operator_only")
