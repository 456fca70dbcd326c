"""One key used by a hundred clients at once, at two processes: one effect, whatever it is that they ask for (I7)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.contract.rest.world import Caller, Rest, a_purchase, open_rest
from tests.integration.ledger.world import Dsns, new_key, open_world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.invariant("I7")]

CLIENTS: Final = 100
DONE_MIN: Final = CLIENTS // 2
"""How many at least have an answer: the first is done within milliseconds, and each repeat waits for seconds."""

COUNTED: Final = {
    "/v1/purchases": "purchases.purchases",
    "/v1/refunds": "purchases.refunds",
    "/v1/users": "purchases.users",
    "/v1/programmes": "ledger.programmes",
    "/v1/webhooks/endpoints": "webhooks.endpoints",
}
"""What is asked for, and where it is seen how often that was done."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other(rest: Rest, dsns: Dsns) -> AsyncIterator[Rest]:
    """Give a second process of the same API."""
    async with open_world(dsns) as world, open_rest(world) as api:
        yield api


async def body_of(rest: Rest, operator: Caller, path: str) -> dict[str, Any]:
    """Return a sound body for a path."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    purchase = (await operator.post("/v1/purchases", a_purchase(user, merchant))).json()["id"]
    bodies: dict[str, dict[str, Any]] = {
        "/v1/purchases": a_purchase(user, merchant, reference="of a hundred"),
        "/v1/refunds": {"purchase_id": purchase, "amount_minor": "1", "reason": "of a test"},
        "/v1/users": {"reference": "of a hundred"},
        "/v1/programmes": {"name": "of a hundred", "currency": "CHF", "rate_bps": 100, "budget_minor": "1"},
        "/v1/webhooks/endpoints": {"url": "https://example.org/", "types": ["token.minted"]},
    }
    return bodies[path]


@pytest.mark.parametrize("path", COUNTED)
async def test_a_hundred_clients_with_one_key_have_one_effect(
    rest: Rest, other: Rest, operator: Caller, path: str
) -> None:
    """One is the first; the others get its answer, or are told that it is still being answered (I7)."""
    body, key, twin = await body_of(rest, operator, path), new_key(), other.caller(operator.secret)
    count = f"select count(*) from {COUNTED[path]}"
    before = await rest.world.one(count)
    callers = [operator, twin] * (CLIENTS // 2)
    answers = await asyncio.gather(*[caller.post(path, body, key=key) for caller in callers])
    done = [answer for answer in answers if answer.status_code == 201]
    assert len(done) >= DONE_MIN
    assert {answer.json()["code"] for answer in answers if answer not in done} <= {"idempotency_key_busy"}
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1
    assert len({answer.content for answer in done}) == 1
    assert await rest.world.one(count) == before + 1
    again = await twin.post(path, body, key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (done[0].content, "true")
    await rest.world.assert_books_prove()
