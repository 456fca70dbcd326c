"""Keys whose first request takes too long, over REST: single, bulk and stream are told so alike (I7)."""

import asyncio
from typing import Any, Final

import httpx
import msgspec
import pytest

from cashback.purchases.model import OPERATOR
from cashback.purchases.service.bulk import key_of
from cashback.purchases.service.patience import PATIENT_S
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import Dsns, buy, new_key
from tests.integration.purchases.holders import held

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.deep, pytest.mark.invariant("I7")]

COUNT: Final = 1_000
WITHIN_S: Final = 1.6 * PATIENT_S
"""What is promised, and time for a loaded machine; two patiences one after the other are longer."""


async def asked(operator: Caller, kind: str, purchases: list[dict[str, Any]], key: str) -> httpx.Response:
    """Return the answer to purchases that are told in this way, within the time."""
    lines = b"\n".join(map(msgspec.json.encode, purchases))
    async with asyncio.timeout(WITHIN_S):
        match kind:
            case "single":
                return await operator.post("/v1/purchases", purchases[0], key=key)
            case "bulk":
                return await operator.post("/v1/purchases/bulk", {"purchases": purchases}, key=key)
            case _:
                headers = {"Content-Type": "application/x-ndjson"}
                return await operator.post("/v1/purchases/stream", lines, key=key, headers=headers)


@pytest.mark.parametrize("kind", ["single", "bulk", "stream"])
async def test_a_request_whose_keys_are_held_is_told_so_after_one_patience(
    rest: Rest, dsns: Dsns, operator: Caller, kind: str
) -> None:
    """409 with Retry-After, whichever and however many of its keys are held; then it is done once, as a whole (I7)."""
    user, merchant, key = await rest.world.user(), await rest.world.merchant(), new_key()
    purchases = [a_purchase(user, merchant) for _ in range(1 if kind == "single" else COUNT)]
    keys = [key] if kind == "single" else [key_of(key, place) for place in range(COUNT + 1)]
    before = await rest.world.one("select count(*) from purchases.purchases")
    async with held(dsns, *(buy(user, merchant, key=one, owner=OPERATOR) for one in keys)):
        busy = await asked(operator, kind, purchases, key)
    assert_problem(busy, 409, "idempotency_key_busy")
    assert int(busy.headers["retry-after"]) >= 1
    assert await rest.world.one("select count(*) from purchases.purchases") == before
    assert (await asked(operator, kind, purchases, key)).status_code == 201
    assert await rest.world.one("select count(*) from purchases.purchases") == before + len(purchases)


async def test_users_refunds_and_orders_are_told_so_alike(rest: Rest, dsns: Dsns, operator: Caller) -> None:
    """409 with Retry-After after one patience, each by itself; what the same key asks for later is done once (I7)."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    bought = (await operator.post("/v1/purchases", a_purchase(user, merchant))).json()["id"]
    said = {"person": "p. of a test", "reason": "of a test"}
    asking: dict[str, dict[str, Any]] = {
        "/v1/users": {},
        "/v1/refunds": {"purchase_id": bought, "amount_minor": "1", "reason": "of a test"},
        f"/v1/users/{user.id}/block": said,
    }
    keys = {path: new_key() for path in asking}
    async with held(dsns, *(buy(user, merchant, key=one, owner=OPERATOR) for one in keys.values())):
        async with asyncio.timeout(WITHIN_S):
            told = await asyncio.gather(*[operator.post(path, body, key=keys[path]) for path, body in asking.items()])
    for busy in told:
        assert_problem(busy, 409, "idempotency_key_busy")
        assert int(busy.headers["retry-after"]) >= 1
    for path, body in asking.items():
        done = await operator.post(path, body, key=keys[path])
        assert (done.status_code, done.headers.get("idempotency-replayed")) == (201, None), done.text
