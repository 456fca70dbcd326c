"""Webhooks over REST: a merchant's own endpoints and their log, the operator's to see all, each command once (I7)."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest
import pytest_asyncio

from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.purchases.model import Merchant
from cashback.webhooks.model import Happening
from cashback.webhooks.rules.signing import secret_of
from cashback.webhooks.service.taking import take
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import World, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS: Final = "/v1/webhooks/endpoints"
URL: Final = "https://shop.example/hooks"
REFUNDED: Final = "purchase.refunded"


class Shop(msgspec.Struct, frozen=True):
    """A merchant and whoever holds its key."""

    merchant: Merchant
    keeper: Caller


@pytest_asyncio.fixture(loop_scope="module")
async def shop(rest: Rest, world: World) -> Shop:
    """Give a merchant."""
    merchant = await world.merchant()
    return Shop(merchant, await rest.merchant(merchant))


@pytest_asyncio.fixture(loop_scope="module")
async def rival(rest: Rest, world: World) -> Caller:
    """Give another merchant."""
    return await rest.merchant(await world.merchant())


async def made(caller: Caller, **changes: object) -> dict[str, Any]:
    """Return a new endpoint of whoever calls."""
    response = await caller.post(ENDPOINTS, {"url": URL, "types": [REFUNDED], **changes})
    assert response.status_code == 201, response.text
    told: dict[str, Any] = response.json()
    return told


async def heard(world: World, shop: Shop, count: int) -> list[str]:
    """Have the endpoints of a merchant hear of so many events, now, and return the ids of those."""
    happened = [
        Happening(
            event_id=new_id("evt"),
            type=REFUNDED,
            key=new_id("pur"),
            merchant_id=shop.merchant.id,
            occurred_at=datetime.now(UTC) + timedelta(seconds=1),
            body=b"{}",
        )
        for _ in range(count)
    ]
    async with Database.open(world.dsns.of("cashback_webhooks"), name="webhooks") as worker, worker.transaction() as tx:
        assert await take(tx, happened) >= count
    return [one.event_id for one in happened]


@pytest.mark.invariant("I7")
async def test_an_endpoint_is_made_once_and_its_secret_is_in_no_answer_but_its_own(
    rest: Rest, shop: Shop, world: World
) -> None:
    """The same key gives the same bytes; the secret is asked for apart, not to be cached, and that is written down."""
    key, body = new_key(), {"url": URL, "types": [REFUNDED, "token.minted"]}
    first, second = [await shop.keeper.post(ENDPOINTS, body, key=key) for _ in range(2)]
    assert (first.status_code, first.content, second.headers["idempotency-replayed"]) == (201, second.content, "true")
    other = await shop.keeper.post(ENDPOINTS, {**body, "url": f"{URL}/other"}, key=key)
    assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")
    endpoint = first.json()
    assert (endpoint["merchant_id"], endpoint["state"], endpoint["types"]) == (
        shop.merchant.id,
        "enabled",
        body["types"],
    )
    assert [one["id"] for one in (await shop.keeper.get(ENDPOINTS)).json()["items"]] == [endpoint["id"]]
    asked = await shop.keeper.get(f"{ENDPOINTS}/{endpoint['id']}/secret")
    assert (asked.status_code, asked.headers["cache-control"]) == (200, "no-store")
    secret = asked.json()["secret"]
    assert len(secret_of(secret)) >= 24
    assert secret not in first.text
    stored = await world.rows("select convert_from(answer, 'UTF8') from purchases.idempotency_keys where key = %s", key)
    assert [secret in str(row) for row in stored] == [False]
    journal = "select what, done_by from webhooks.endpoint_journal where endpoint_id = %s order by id"
    by = shop.keeper.key_id
    assert await world.rows(journal, endpoint["id"]) == [("created", by), ("secret_shown", by)]


async def test_an_endpoint_of_nowhere_of_no_type_or_of_somebody_else_is_refused_with_the_place(
    rest: Rest, shop: Shop, operator: Caller
) -> None:
    """And nothing is stored."""
    sound: dict[str, object] = {"url": URL, "types": [REFUNDED]}
    before = await rest.stored()
    for change, status, code, pointer in (
        ({"url": "http://shop.example"}, 422, "url_forbidden", "/url"),
        ({"url": "https://127.0.0.1/"}, 422, "url_forbidden", "/url"),
        ({"url": "https://169.254.169.254/latest"}, 422, "url_forbidden", "/url"),
        ({"types": ["token.lost"]}, 422, "event_types_invalid", "/types/0"),
        ({"types": []}, 422, "request_invalid", "/types"),
        ({"merchant_id": new_id("mer")}, 403, "not_yours", "/merchant_id"),
    ):
        response = await shop.keeper.post(ENDPOINTS, {**sound, **change})
        assert_problem(response, status, code, pointer=pointer)
    unknown = await operator.post(ENDPOINTS, {**sound, "merchant_id": new_id("mer")})
    assert_problem(unknown, 404, "merchant_unknown", pointer="/merchant_id")
    assert await rest.stored() == before


async def test_a_merchant_sees_and_moves_its_own_alone_and_an_operator_all(
    rest: Rest, shop: Shop, rival: Caller, operator: Caller
) -> None:
    """What is another's is not there, by any route."""
    own = await made(shop.keeper)
    for_shop = await made(operator, merchant_id=shop.merchant.id)
    of_operator = await made(operator)
    assert (for_shop["merchant_id"], of_operator["merchant_id"]) == (shop.merchant.id, None)
    seen = (await shop.keeper.get(ENDPOINTS)).json()["items"]
    assert [one["id"] for one in seen] == [own["id"], for_shop["id"]]
    assert (await operator.get(f"{ENDPOINTS}/{own['id']}")).json() == own
    assert (await rival.get(ENDPOINTS)).json()["items"] == []
    before = await rest.stored()
    for theirs in (own, of_operator):
        path = f"{ENDPOINTS}/{theirs['id']}"
        for asked in (path, f"{path}/secret", f"{path}/deliveries"):
            assert_problem(await rival.get(asked), 404, "endpoint_unknown", parameter="endpoint_id")
        for verb in ("rotate", "enable", "disable"):
            assert_problem(await rival.post(f"{path}/{verb}", {}), 404, "endpoint_unknown", parameter="endpoint_id")
        span = {"since": "2026-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
        assert_problem(await rival.post(f"{path}/replay", span), 404, "endpoint_unknown", parameter="endpoint_id")
    assert await rest.stored() == before


async def test_a_rotation_gives_another_secret_and_an_endpoint_is_disabled_and_enabled(shop: Shop) -> None:
    """Each answers with the endpoint as it is then; an empty object is all that they are told."""
    endpoint = await made(shop.keeper)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    secrets = [(await shop.keeper.get(f"{path}/secret")).json()["secret"]]
    assert (await shop.keeper.post(f"{path}/rotate", {})).json() == endpoint
    secrets.append((await shop.keeper.get(f"{path}/secret")).json()["secret"])
    assert len(set(secrets)) == 2
    disabled = (await shop.keeper.post(f"{path}/disable", {})).json()
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by_hand")
    assert datetime.fromisoformat(disabled["disabled_at"]) >= datetime.fromisoformat(disabled["created_at"])
    assert (await shop.keeper.post(f"{path}/enable", {})).json() == endpoint
    assert_problem(await shop.keeper.post(f"{path}/enable", {"why": 1}), 422, "request_invalid", pointer="/why")


async def test_the_log_tells_each_delivery_with_its_tries_page_by_page(
    rest: Rest, shop: Shop, rival: Caller, world: World
) -> None:
    """Newest first, of all states or of one; what an endpoint answered is told as text."""
    endpoint = await made(shop.keeper)
    events = await heard(world, shop, 3)
    path = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
    page = (await shop.keeper.get(f"{path}?limit=2")).json()
    rest_of_it = (await shop.keeper.get(f"{path}?limit=2&cursor={page['next_cursor']}")).json()
    told = [*page["items"], *rest_of_it["items"]]
    assert (sorted(one["event_id"] for one in told), rest_of_it["next_cursor"]) == (sorted(events), None)
    assert [one["id"] for one in told] == sorted((one["id"] for one in told), reverse=True)
    failed = told[0]["id"]
    await world.rows(
        "with ended as (update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now(),"
        " claims = 1, attempts = 1 where id = %s returning id)"
        " insert into webhooks.attempts (delivery_id, number, at, address, status, took_ms, answer)"
        " select id, 1, now(), '203.0.113.7', 500, 12, '\\xff6f6f7073' from ended returning 1",
        failed,
    )
    assert [one["id"] for one in (await shop.keeper.get(f"{path}?state=failed")).json()["items"]] == [failed]
    assert_problem(await shop.keeper.get(f"{path}?state=lost"), 422, "request_invalid", parameter="state")
    [last] = (await shop.keeper.get(f"{path}?state=failed")).json()["items"]
    assert (last["last_status"], last["last_error"], last["last_try_at"] is None) == (500, None, False)
    assert [told[1][name] for name in ("last_status", "last_error", "last_try_at")] == [None] * 3
    story = (await shop.keeper.get(f"/v1/webhooks/deliveries/{failed}")).json()
    assert {name: story[name] for name in last} == last
    [one] = story["tries"]
    assert (one["attempt"], one["status"], one["address"], one["answer"]) == (1, 500, "203.0.113.7", "\ufffdoops")
    assert_problem(
        await rival.get(f"/v1/webhooks/deliveries/{failed}"), 404, "delivery_unknown", parameter="delivery_id"
    )


@pytest.mark.invariant("I7")
async def test_one_delivery_or_those_of_a_span_are_made_again_once(shop: Shop, rival: Caller, world: World) -> None:
    """Counted first; under one key once; what is under way again is left out; a disabled endpoint gets nothing."""
    endpoint = await made(shop.keeper)
    await heard(world, shop, 3)
    path = f"{ENDPOINTS}/{endpoint['id']}"
    ended = await world.rows(
        "update webhooks.deliveries set state = 'failed', due_at = null, ended_at = now() where endpoint_id = %s"
        " returning id",
        endpoint["id"],
    )
    first = str(ended[0][0])
    assert_problem(
        await rival.post(f"/v1/webhooks/deliveries/{first}/replay", {}),
        404,
        "delivery_unknown",
        parameter="delivery_id",
    )
    key = new_key()
    answers = [await shop.keeper.post(f"/v1/webhooks/deliveries/{first}/replay", {}, key=key) for _ in range(2)]
    assert answers[0].content == answers[1].content
    again = answers[0].json()
    assert (again["replay_of"], again["state"]) == (first, "due")
    # What is told of it is the resource, as whoever follows `Location` finds it.
    assert (await shop.keeper.get(answers[0].headers["location"])).json() == again
    span = {"since": endpoint["created_at"], "until": "2100-01-01T00:00:00Z"}
    for body, count in (
        ({**span, "dry_run": True}, 2),
        ({**span, "types": ["token.minted"]}, 0),
        ({**span, "states": ["delivered"]}, 0),
        (span, 2),
        (span, 0),
    ):
        told = (await shop.keeper.post(f"{path}/replay", body)).json()
        assert (told["count"], told["more"], told["next_since"]) == (count, False, None), body
    lost = {**span, "types": ["token.minted", "token.lost"]}
    refused = await shop.keeper.post(f"{path}/replay", lost)
    assert_problem(refused, 422, "event_types_invalid", pointer="/types/1")
    assert "token.mint.failed, token.mint.requested, token.mint.reverted" in refused.json()["detail"]
    backwards = {"since": span["until"], "until": span["since"]}
    assert_problem(await shop.keeper.post(f"{path}/replay", backwards), 422, "period_invalid", pointer="/until")
    await shop.keeper.post(f"{path}/disable", {})
    assert_problem(await shop.keeper.post(f"{path}/replay", span), 409, "endpoint_disabled")
    stored = await world.rows("select count(*) from webhooks.deliveries where endpoint_id = %s", endpoint["id"])
    assert stored == [(6,)]
