"""A request's trace: continued, told back, and carried into the events that it caused."""

import pytest
import pytest_asyncio

from cashback.purchases.model import Merchant, User
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(world: World) -> User:
    """Give a user."""
    return await world.user()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def merchant(world: World) -> Merchant:
    """Give a merchant."""
    return await world.merchant()


async def test_a_purchase_carries_its_trace_into_both_outboxes(
    world: World, operator: Caller, user: User, merchant: Merchant
) -> None:
    """The caller's trace id, with a span of our own; the answer names the very same span."""
    response = await operator.post("/v1/purchases", a_purchase(user, merchant), headers={"traceparent": GIVEN})
    told = response.headers["traceparent"]
    version, trace_id, span_id, _ = told.split("-")
    assert (version, trace_id) == ("00", TRACE_ID)
    assert span_id not in GIVEN
    created = [event for event in await world.events("purchases", "purchase.created") if event.traceparent == told]
    approved = [event for event in await world.events("ledger", "cashback.approved") if event.traceparent == told]
    assert [event.key for event in created] == [response.json()["id"]]
    assert [event.key for event in approved] == [response.json()["cashback"]["id"]]


async def test_a_repeat_has_its_own_trace_and_changes_none(
    world: World, operator: Caller, user: User, merchant: Merchant
) -> None:
    """Who asks again is told in the new trace; the events stay in the first one (I7)."""
    key, body = new_key(), a_purchase(user, merchant)
    first = await operator.post("/v1/purchases", body, key=key)
    again = await operator.post("/v1/purchases", body, key=key, headers={"traceparent": GIVEN})
    assert again.headers["traceparent"].split("-")[1] == TRACE_ID
    traces = [
        event.traceparent
        for event in await world.events("purchases", "purchase.created")
        if event.key == first.json()["id"]
    ]
    assert traces == [first.headers["traceparent"]]


@pytest.mark.parametrize("given", [b"", b"junk", GIVEN.upper().encode(), GIVEN.encode() + b"-x", b"\xff" * 55])
async def test_a_malformed_trace_is_begun_anew(operator: Caller, given: bytes) -> None:
    """What a stranger sends is never told back as it stands (W3C Trace Context, section 3.2.2)."""
    response = await operator.get("/v1/programmes/current", headers={"traceparent": given})
    assert response.status_code == 200
    assert TRACE_ID not in response.headers["traceparent"]


@pytest.mark.parametrize("other", [GIVEN, GIVEN.replace("0af7", "1bf8"), "junk"])
async def test_of_two_traces_none_is_continued(operator: Caller, other: str) -> None:
    """Nobody knows which of them is the caller's, were they alike: a trace begins (W3C Trace Context)."""
    for first, second in ((GIVEN, other), (other, GIVEN)):
        headers = [("traceparent", first), ("traceparent", second)]
        response = await operator.get("/v1/programmes/current", headers=headers)
        assert response.status_code == 200
        trace_id = response.headers["traceparent"].split("-")[1]
        assert trace_id not in first + second


async def test_every_answer_names_its_trace_whoever_gave_it(rest: Rest, operator: Caller) -> None:
    """The router's refusals and the doorkeeper's as well as the handlers'."""
    headers = {"traceparent": GIVEN}
    assert_problem(await rest.nobody.get("/v1/users/x", headers=headers), 401, "api_key_invalid")
    assert_problem(await operator.get("/nowhere", headers=headers), 404, "route_unknown")
    for response in (
        await rest.nobody.get("/livez", headers=headers),
        await rest.nobody.get("/v1/users/x", headers=headers),
        await operator.get("/nowhere", headers=headers),
        await operator.ask("DELETE", "/v1/users", headers=headers),
        await operator.post("/v1/users", b"{", headers=headers),
    ):
        assert response.headers["traceparent"].split("-")[1] == TRACE_ID
        assert response.headers.get_list("traceparent") == [response.headers["traceparent"]]
