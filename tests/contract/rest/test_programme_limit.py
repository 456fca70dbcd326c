"""Starting a programme over REST when the adapter tells what the minter mints at once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cashback.wire.cashback.chain import v1
from tests.contract.rest.adapter import ScriptedAdapter
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, open_rest
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

TERMS = {"name": "Spring", "currency": "USD", "rate_bps": 500, "budget_minor": "1000"}
ENOUGH, TOO_LITTLE = 10_000_000, 9_999_999


@pytest_asyncio.fixture(loop_scope="module")
async def adapter() -> AsyncIterator[ScriptedAdapter]:
    """Give an adapter."""
    async with ScriptedAdapter.serving() as scripted:
        yield scripted


@pytest_asyncio.fixture(loop_scope="module")
async def bare(world: World, adapter: ScriptedAdapter) -> AsyncIterator[Rest]:
    """Give the API over that adapter, with no programme in force."""
    await world.rows("update ledger.programmes set ended_at = created_at where ended_at is null")
    async with open_rest(world, adapter_address=adapter.address) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="module")
async def operator(bare: Rest) -> Caller:
    """Give an operator."""
    return await bare.operator()


def allows(adapter: ScriptedAdapter, capacity: int) -> None:
    """Let the minter mint so much at once."""
    told = v1.Allowance(capacity=str(capacity), available="0")
    adapter.answers = {"GetStatus": bytes(v1.GetStatusResponse(chain_id=1, head=9, allowance=told))}


@pytest.mark.invariant("I7")
async def test_a_programme_that_is_too_large_is_refused_and_leaves_nothing(
    bare: Rest, operator: Caller, adapter: ScriptedAdapter
) -> None:
    """With the remedy; the same request succeeds once the limit is raised, and its repeat is not asked again."""
    allows(adapter, TOO_LITTLE)
    key, before = new_key(), await bare.stored()
    refused = await operator.post("/v1/programmes", TERMS, key=key)
    assert_problem(refused, 409, "grant_above_limit")
    assert "setLimit" in refused.json()["detail"]
    assert await bare.stored() == before
    allows(adapter, ENOUGH)
    started = await operator.post("/v1/programmes", TERMS, key=key)
    assert started.status_code == 201
    allows(adapter, TOO_LITTLE)
    for repeat in (key, new_key()):
        again = await operator.post("/v1/programmes", TERMS, key=repeat)
        assert (again.status_code, again.json()["id"]) == (201, started.json()["id"])


@pytest.mark.invariant("I7")
async def test_a_repeat_under_its_key_is_answered_without_asking_the_adapter(
    operator: Caller, adapter: ScriptedAdapter
) -> None:
    """Nor does the adapter's silence hold it up; another body under the key is told so as quickly."""
    allows(adapter, ENOUGH)
    key, terms = new_key(), TERMS | {"name": "Autumn"}
    started = await operator.post("/v1/programmes", terms, key=key)
    assert started.status_code == 201
    asked = len(adapter.asked)
    assert asked
    again = await operator.post("/v1/programmes", terms, key=key)
    assert (again.status_code, again.json()) == (201, started.json())
    other = await operator.post("/v1/programmes", TERMS, key=key)
    assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    assert len(adapter.asked) == asked


@pytest.mark.invariant("I7")
async def test_a_ruleset_by_which_one_purchase_could_earn_more_is_refused_at_its_place(
    bare: Rest, operator: Caller, world: World, adapter: ScriptedAdapter
) -> None:
    """By lint and when it is published, until it bounds what one purchase earns; a repeat is not asked again."""
    allows(adapter, ENOUGH)
    started = await operator.post("/v1/programmes", TERMS | {"name": "Winter", "currency": "EUR"})
    programme = started.json()["id"]
    campaign = await world.one("select id from ledger.campaigns where programme_id = %s", programme)
    rules = {"rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 200}}]}
    body = {"programme_id": programme, "name": "Winter", "document": rules}
    path = f"/v1/ruleset-drafts/{(await operator.post('/v1/ruleset-drafts', body)).json()['id']}"
    allows(adapter, TOO_LITTLE)
    linted = (await operator.post(f"{path}/lint", {})).json()
    assert (linted["is_publishable"], [one["code"] for one in linted["findings"]]) == (False, ["grant_above_limit"])
    before = await bare.stored()
    refused = await operator.post(f"{path}/publish", {}, headers={"If-Match": '"1"'})
    assert_problem(refused, 409, "grant_above_limit", pointer="/limits/purchase")
    assert await bare.stored() == before
    bounded = {"document": rules | {"limits": {"purchase": "999"}}}
    assert (await operator.post(path, bounded, headers={"If-Match": '"1"'})).status_code == 201
    assert (await operator.post(f"{path}/lint", {})).json() == {"is_publishable": True, "findings": []}
    key, asked = new_key(), []
    for _ in range(2):
        published = await operator.post(f"{path}/publish", {}, key=key, headers={"If-Match": '"2"'})
        assert (published.status_code, published.json()["version"]) == (201, 2)
        asked.append(len(adapter.asked))
    assert asked[0] == asked[1]


@pytest.mark.invariant("I7")
async def test_a_budget_is_not_raised_to_where_one_purchase_could_earn_more_than_is_minted_at_once(
    bare: Rest, operator: Caller, world: World, adapter: ScriptedAdapter
) -> None:
    """Refused at the amount, nothing of it posted; what bounds a purchase by its words takes any budget."""
    allows(adapter, ENOUGH)
    started = await operator.post("/v1/programmes", TERMS | {"name": "Raised", "currency": "GBP"})
    programme = started.json()["id"]
    campaign = await world.one("select id from ledger.campaigns where programme_id = %s", programme)
    path, body = f"/v1/campaigns/{campaign}/top-up", {"amount_minor": "1", "reason": "more"}
    key, before = new_key(), await bare.stored()
    refused = await operator.post(path, body, key=key)
    assert_problem(refused, 409, "grant_above_limit", pointer="/amount_minor")
    assert await bare.stored() == before
    allows(adapter, ENOUGH + 10_000)
    raised = await operator.post(path, body, key=key)
    assert (raised.status_code, raised.json()["budget_left_minor"]) == (201, "1001")
    allows(adapter, TOO_LITTLE)
    assert (await operator.post(path, body, key=key)).json() == raised.json(), "a repeat is not compared again"
    rules = {
        "rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 200}}],
        "limits": {"purchase": "999"},
    }
    draft = {"programme_id": programme, "name": "Bounded", "document": rules}
    drafted = (await operator.post("/v1/ruleset-drafts", draft)).json()["id"]
    published = await operator.post(f"/v1/ruleset-drafts/{drafted}/publish", {}, headers={"If-Match": '"1"'})
    assert published.status_code == 201
    assert (await operator.post(path, body | {"amount_minor": "100000"})).status_code == 201
    await operator.post(f"/v1/campaigns/{campaign}/withdraw", body | {"amount_minor": "1"})


async def test_while_the_adapter_does_not_tell_a_programme_starts(operator: Caller, adapter: ScriptedAdapter) -> None:
    """Customers need not wait for a node; the ledger's worker compares as soon as it is told."""
    await adapter.go_down()
    assert (await operator.post("/v1/programmes", TERMS | {"name": "Summer"})).status_code == 201
