"""A merchant hears of its purchases at an endpoint of its own, signed, and can have them told again."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import msgspec
import pytest

from cashback.kernel.clock import SystemClock
from tests.integration.webhooks.world import Shop as Receiver
from tests.integration.webhooks.world import open_shop
from tests.support.facts import eventually
from tests.support.load import Shop, new_key
from tests.support.stack import WholeSystem, rest_client
from tests.support.standard_webhooks import is_genuine

TYPES: Final = ("purchase.created", "cashback.approved", "token.mint.requested", "token.minted", "purchase.refunded")
BOUGHT: Final = {"purchase.created": 1, "cashback.approved": 1, "token.mint.requested": 1, "token.minted": 1}
IDS: Final = ("purchase_id", "user_id", "merchant_id", "cashback_id")
"""What every event tells, whichever it is: whoever hears of one knows of what."""

ENDPOINTS: Final = "/v1/webhooks/endpoints"
HEARD_WITHIN_S: Final = 30.0


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Give a server of the merchant's."""
    async with open_shop() as server:
        yield server


@pytest.fixture
async def keeper(stack: WholeSystem, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Give whoever has the key of this test's merchant."""
    async with rest_client(stack, await stack.merchant_key(shop.merchant_id)) as http:
        yield http


async def order(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a command."""
    response = await http.post(path, json=body, headers={"Idempotency-Key": new_key()})
    assert response.status_code == httpx.codes.CREATED, response.text
    told: dict[str, Any] = response.json()
    return told


def types_at(receiver: Receiver, path: str) -> dict[str, int]:
    """Return how many events of each type came to a path."""
    return dict(Counter(str(msgspec.json.decode(got.body)["type"]) for got in receiver.at(path)))


async def heard(receiver: Receiver, path: str, types: dict[str, int]) -> None:
    """Return once exactly these came."""

    async def look() -> bool | None:
        return True if types_at(receiver, path) == types else None

    await eventually(look, within_s=HEARD_WITHIN_S, what=f"{path} hears of {types}")


@pytest.mark.invariant("I5")
async def test_a_purchase_reaches_the_merchants_endpoint_signed_and_once_per_event(
    stack: WholeSystem, shop: Shop, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    """Each event from the purchase to the mint, once (I5), of its own purchases, with whose it is; and can be read."""
    endpoint = await order(keeper, ENDPOINTS, {"url": receiver.url("/hooks"), "types": list(TYPES)})
    secret = (await keeper.get(f"{ENDPOINTS}/{endpoint['id']}/secret")).json()["secret"]
    async with Shop.open(stack) as another:
        await another.settled((await another.buy(await another.customer()))["id"])
    bought = await shop.post("/v1/purchases", {**shop.purchase(await shop.customer()), "reference": "order-1042"})
    await shop.settled(bought["id"])
    await heard(receiver, "/hooks", BOUGHT)
    now_s = SystemClock().now().timestamp()
    for got in receiver.at("/hooks"):
        assert is_genuine(secret, got.headers, got.body, now_s=now_s)
        assert not is_genuine(secret, got.headers, got.body + b" ", now_s=now_s)
        assert not is_genuine(secret, got.headers, got.body, now_s=now_s + 3_600)
        type_, data = (msgspec.json.decode(got.body)[name] for name in ("type", "data"))
        assert {name: data[name] for name in IDS} == {
            "purchase_id": bought["id"],
            "user_id": bought["user_id"],
            "merchant_id": bought["merchant_id"],
            "cashback_id": bought["cashback"]["id"],
        }
        assert data.get("reference") == ("order-1042" if type_ == "purchase.created" else None)
    ids = {got.id for got in receiver.at("/hooks")}
    keys = [bought["id"], bought["cashback"]["id"]]
    stored = [
        row[0]
        for schema in ("purchases", "ledger")
        for row in stack.rows("cashback", f"select event_id from {schema}.outbox_events where key = any(%s)", keys)
    ]
    assert len(stored) == 3
    assert {*stored} < ids

    async def is_noted() -> bool | None:
        """Tell whether the log has all of it as delivered: who is told hears of it before that is noted."""
        log = (await keeper.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries?state=delivered")).json()["items"]
        return True if {one["event_id"] for one in log} == ids else None

    await eventually(is_noted, within_s=HEARD_WITHIN_S, what="what was told is noted as delivered")
    for got in receiver.at("/hooks"):
        assert got.body in (await keeper.get(f"/v1/events/{got.id}")).content
    assert {one["id"] for one in (await keeper.get("/v1/events")).json()["items"]} == ids


@pytest.mark.invariant("I5")
async def test_what_an_endpoint_missed_is_told_again_under_the_same_ids(
    stack: WholeSystem, shop: Shop, keeper: httpx.AsyncClient, receiver: Receiver
) -> None:
    """410 disables it; enabled again, what it missed is counted and replayed, and the new secret signs."""
    receiver.answers("/gone", httpx.codes.GONE)
    body = {"url": receiver.url("/gone"), "types": ["purchase.created"]}
    endpoint = await order(keeper, ENDPOINTS, body)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    await shop.buy(await shop.customer())

    async def is_disabled() -> bool | None:
        """Tell whether the endpoint is disabled by now."""
        told = (await keeper.get(path)).json()
        return True if (told["state"], told["disabled_reason"]) == ("disabled", "gone") else None

    await eventually(is_disabled, within_s=HEARD_WITHIN_S, what="410 disables the endpoint")
    [missed] = receiver.at("/gone")
    receiver.answers("/gone", httpx.codes.NO_CONTENT)
    await order(keeper, f"{path}/enable", {})
    await order(keeper, f"{path}/rotate", {})
    span = {"since": endpoint["created_at"], "until": "2100-01-01T00:00:00Z"}
    assert (await order(keeper, f"{path}/replay", {**span, "dry_run": True}))["count"] == 1
    assert (await order(keeper, f"{path}/replay", span))["count"] == 1

    async def came() -> bool | None:
        """Tell whether it has come again."""
        return True if len(receiver.at("/gone")) > 1 else None

    await eventually(came, within_s=HEARD_WITHIN_S, what="it is told again")
    again = receiver.at("/gone")[1]
    assert (again.id, again.body) == (missed.id, missed.body)
    secret = (await keeper.get(f"{path}/secret")).json()["secret"]
    now_s = SystemClock().now().timestamp()
    assert is_genuine(secret, again.headers, again.body, now_s=now_s)
    assert not is_genuine(secret, missed.headers, missed.body, now_s=now_s)
