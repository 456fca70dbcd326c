"""Why something was decided so, and what would be decided, over REST."""

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import START, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEXT_YEAR = (START + timedelta(days=365)).isoformat()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def draft(rest: Rest, world: World) -> str:
    """Give a draft of two rules, a percentage of food and one of books, in a programme that takes dollars."""
    await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")
    programme = await world.programme(budget=1_000)
    campaign = await world.one("select id from ledger.campaigns where programme_id = %s", programme.id)
    rules = [
        {
            "id": f"mcc-{mcc}",
            "campaign": campaign,
            "earns": {"kind": "percent", "rate_bps": 1_000},
            "when": [{"kind": "mcc", "any_of": [mcc]}],
        }
        for mcc in ("5411", "5942")
    ]
    body = {"programme_id": programme.id, "name": "food and books", "document": {"rules": rules}}
    response = await (await rest.operator()).post("/v1/ruleset-drafts", body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def a_simulation(draft: str, **changes: object) -> dict[str, Any]:
    """Return what is to be tried: 19.99 USD of food, next year."""
    body = {"ruleset": draft, "merchant_id": "mer_1", "amount_minor": "1999", "currency": "USD", "mcc": "5411"}
    return {**body, "occurred_at": NEXT_YEAR, **changes}


async def test_a_purchase_is_tried_on_a_draft_and_nothing_is_stored(operator: Caller, rest: Rest, draft: str) -> None:
    """With the rules that counted and that did not; what is left of the budget bounds it."""
    before = await rest.stored()
    told = (await operator.post("/v1/rulesets/simulate", a_simulation(draft))).json()
    assert (told["outcome"], told["amount_minor"], told["currency"]) == ("granted", "199", "USD")
    assert told["token_units"] == "1990000"
    assert ("skipped", 0) in [(step["code"], step["depth"]) for step in told["steps"]]
    assert any("5942" in step["text"] for step in told["steps"])
    large = (await operator.post("/v1/rulesets/simulate", a_simulation(draft, amount_minor="100000"))).json()
    assert (large["reason"], large["amount_minor"]) == ("granted_partly", "1000")
    other = (await operator.post("/v1/rulesets/simulate", a_simulation(draft, currency="GBP"))).json()
    assert (other["reason"], other["steps"]) == ("no_programme", [])
    assert await rest.stored() == before


async def test_what_cannot_be_tried_is_refused_at_its_place(operator: Caller, rest: Rest, draft: str) -> None:
    """Lines that are not the amount, a currency that is none, a draft or version that there is not."""
    path = "/v1/rulesets/simulate"
    lines = [{"amount_minor": "5"}]
    refused = await operator.post(path, a_simulation(draft, lines=lines))
    assert_problem(refused, 422, "simulation_invalid", pointer="/lines")
    for currency, code in (("XXX", "currency_unknown"), ("DEM", "currency_withdrawn")):
        refused = await operator.post(path, a_simulation(draft, currency=currency))
        assert_problem(refused, 422, code, pointer="/currency")
    for kind, code in (("drf", "draft_unknown"), ("rul", "ruleset_unknown")):
        assert_problem(await operator.post(path, a_simulation(new_id(kind))), 404, code, pointer="/ruleset")


async def test_a_stored_decision_is_explained_step_by_step(
    operator: Caller, rest: Rest, world: World, draft: str
) -> None:
    """To an operator; the sentence is the one of the purchase's own answer."""
    user, shop = await world.user(), await world.merchant()
    answer = (await operator.post("/v1/purchases", a_purchase(user, shop))).json()["cashback"]
    path = f"/v1/cashback/{answer['id']}/explanation"
    told = (await operator.get(path)).json()
    assert (told["reason"], told["text"], told["engine"]) == (answer["reason"], answer["explanation"], 3)
    assert next(step["code"] for step in told["steps"] if step["depth"] == 0) == "counted"
    assert_problem(await (await rest.merchant(shop)).get(path), 403, "operator_only")
    assert_problem(
        await operator.get(f"/v1/cashback/{new_id('cb')}/explanation"), 404, "cashback_unknown", parameter="cashback_id"
    )


async def test_a_merchant_reads_the_customer_s_words_of_its_own_purchases(
    operator: Caller, rest: Rest, world: World, draft: str
) -> None:
    """With the purchase and with the cashback; those of another merchant do not exist for it."""
    user, shop = await world.user(), await world.merchant()
    made = (await operator.post("/v1/purchases", a_purchase(user, shop))).json()
    words = made["cashback"]["explanation"]
    assert words
    own, other = await rest.merchant(shop), await rest.merchant(await world.merchant())
    purchase, cashback = f"/v1/purchases/{made['id']}", f"/v1/cashback/{made['cashback']['id']}"
    assert (await own.get(purchase)).json()["cashback"]["explanation"] == words
    assert (await own.get(cashback)).json()["explanation"] == words
    assert_problem(await other.get(purchase), 404, "purchase_unknown", parameter="purchase_id")
    assert_problem(await other.get(cashback), 404, "cashback_unknown", parameter="cashback_id")


async def test_an_instant_of_the_past_is_tried_by_what_held_then_on_drafts_and_versions(
    operator: Caller, rest: Rest, world: World, draft: str
) -> None:
    """A rule that is over is not over yet then, and a version is tried whatever its window."""
    programme = (await operator.get(f"/v1/ruleset-drafts/{draft}")).json()["programme_id"]
    campaign = await world.one("select id from ledger.campaigns where programme_id = %s", programme)
    ends = START - timedelta(days=30)
    rule = {"id": "old", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 1_000}}
    rules = [rule | {"when": [{"kind": "dates", "end": ends.isoformat()}]}]
    body = {"programme_id": programme, "name": "over", "document": {"rules": rules}}
    over = (await operator.post("/v1/ruleset-drafts", body)).json()["id"]
    headers = {"If-Match": '"1"'}
    published = await operator.post(f"/v1/ruleset-drafts/{over}/publish", {}, headers=headers)
    assert published.status_code == 201, published.text
    before = await rest.stored()
    for name in (over, published.json()["id"]):
        tried = []
        for at in (ends - timedelta(seconds=1), ends):
            body = a_simulation(name, occurred_at=at.isoformat())
            told = (await operator.post("/v1/rulesets/simulate", body)).json()
            tried.append((told["reason"], told["amount_minor"], [step["code"] for step in told["steps"]][:2]))
        assert tried[0][:2] == ("granted", "199")
        assert tried[1] == ("no_rule_matched", "0", ["skipped", "already_ended"])
    assert await rest.stored() == before
