"""API keys over REST: made within the rights of who asks, replaced with an overlap, revoked; secrets are told once."""

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import structlog

from cashback.kernel.http import Scope
from cashback.kernel.ids import new_id
from cashback.kernel.principal import Rate
from cashback.purchases.model import Merchant
from cashback.purchases.model.api_keys import KEYS_MAX
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, instant, open_rest
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(rest: Rest) -> Merchant:
    """Give a merchant."""
    return await rest.world.merchant()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keeper(rest: Rest, shop: Merchant) -> Caller:
    """Give whoever holds that shop's key."""
    return await rest.merchant(shop)


async def make(caller: Caller, **body: object) -> dict[str, Any]:
    """Return a new key that a caller asks for, with its secret."""
    response = await caller.post("/v1/api-keys", {"label": "of a test", **body})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def opens(rest: Rest, secret: str) -> bool:
    """Tell whether a secret opens anything, to a process that remembers nothing."""
    rest.keys.forget()
    return (await rest.caller(secret).get("/v1/api-keys")).status_code == 200


async def test_a_key_made_over_rest_opens_what_it_was_made_for(rest: Rest, operator: Caller, shop: Merchant) -> None:
    """It is told with all that it may do, and by whom it was asked for."""
    end = rest.world.clock.now() + timedelta(days=30)
    made = await make(
        operator, merchant_id=shop.id, scopes=["keys:read", "purchases:write"], expires_at=end.isoformat()
    )
    holder = rest.caller(made.pop("secret"))
    assert (await holder.get("/v1/webhooks/endpoints")).json()["scope"] == "webhooks:read"
    shown = (await holder.get(f"/v1/api-keys/{made['id']}")).json()
    assert shown == made
    assert (made["kind"], made["merchant_id"], made["scopes"]) == (
        "merchant",
        shop.id,
        ["keys:read", "purchases:write"],
    )
    assert (made["created_by"], made["replaces"], made["revoked_at"]) == (operator.key_id, None, None)
    assert instant(made["expires_at"]) == end


async def test_the_secret_is_told_once_and_stored_nowhere(rest: Rest, operator: Caller) -> None:
    """Neither in the answer that is kept for a repeat, nor in any table, nor in a log; a repeat makes no other key."""
    key, body = new_key(), {"label": "of a test"}
    with structlog.testing.capture_logs() as lines:
        first = await operator.post("/v1/api-keys", body, key=key)
        again = await operator.post("/v1/api-keys", body, key=key)
        turned = await operator.post(f"/v1/api-keys/{first.json()['id']}/rotate", {"overlap_s": 60})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == {**first.json(), "secret": None}
    for response in (first, again, turned):
        assert response.headers["cache-control"] == "no-store"
    tables = await rest.world.rows(
        "select table_schema || '.' || table_name from information_schema.tables"
        " where table_schema in ('purchases', 'ledger', 'webhooks') and table_type = 'BASE TABLE'"
    )
    stored = [await rest.world.rows(f"select string_agg(whole::text, '') from {name} whole") for (name,) in tables]
    for made in (first.json()["secret"], turned.json()["secret"]):
        # Bytes are told in hexadecimal digits.
        for form in (made[-49:-6], made[-49:-6].encode().hex()):
            assert form not in str(stored)
            assert form not in str(lines)
    other = await operator.post("/v1/api-keys", {"label": "x"}, key=key)
    assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")


async def test_a_replaced_key_goes_on_for_as_long_as_was_asked(rest: Rest, operator: Caller) -> None:
    """The one that replaces it has its rights and its end; the old one ends to the second."""
    old = await make(operator, scopes=["keys:read"], expires_at="2099-01-01T00:00:00Z")
    new = (await operator.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap_s": 60})).json()
    assert (new["replaces"], new["scopes"], new["label"]) == (old["id"], old["scopes"], old["label"])
    assert new["expires_at"] == old["expires_at"]
    assert await opens(rest, old["secret"])
    assert await opens(rest, new["secret"])
    rest.world.clock.advance(timedelta(seconds=60))
    assert not await opens(rest, old["secret"])
    assert await opens(rest, new["secret"])


async def test_without_an_overlap_the_old_key_ends_at_once(rest: Rest, operator: Caller) -> None:
    """In the process that answers, though it was remembered there; a key may replace itself."""
    old = await make(operator)
    holder = rest.caller(old["secret"])
    response = await holder.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap_s": 0})
    assert_problem(await holder.get("/v1/api-keys"), 401, "api_key_invalid")
    assert await opens(rest, response.json()["secret"])


async def test_a_key_is_replaced_once(rest: Rest, operator: Caller) -> None:
    """The one that replaces it is told; what was revoked is not brought back so."""
    old = await make(operator)
    new = (await operator.post(f"/v1/api-keys/{old['id']}/rotate", {})).json()
    again = await operator.post(f"/v1/api-keys/{old['id']}/rotate", {})
    assert_problem(again, 409, "api_key_ended")
    assert again.json()["key_id"] == new["id"]
    await operator.post(f"/v1/api-keys/{new['id']}/revoke", {})
    assert_problem(await operator.post(f"/v1/api-keys/{new['id']}/rotate", {}), 409, "api_key_ended")
    too_long = await operator.post(f"/v1/api-keys/{old['id']}/rotate", {"overlap_s": 604_801})
    assert_problem(too_long, 422, "request_invalid", pointer="/overlap_s")


async def test_nobody_gives_away_more_than_they_have(rest: Rest, operator: Caller, shop: Merchant) -> None:
    """Neither scopes nor time, by making a key or by replacing one that may do more."""
    end = rest.world.clock.now() + timedelta(days=1)
    narrow = await rest.operator(scopes=["keys:write", "users:read"], expires_at=end)
    made = await make(narrow)
    assert (made["scopes"], instant(made["expires_at"])) == (["keys:write", "users:read"], end)
    more = await narrow.post("/v1/api-keys", {"label": "x", "scopes": ["users:read", "users:write"]})
    assert_problem(more, 403, "scope_missing", pointer="/scopes/1")
    assert more.json()["scope"] == "users:write"
    later = {"label": "x", "expires_at": (end + timedelta(seconds=1)).isoformat()}
    assert_problem(await narrow.post("/v1/api-keys", later), 422, "field_invalid", pointer="/expires_at")
    for mighty in (operator.key_id, (await make(operator, merchant_id=shop.id))["id"]):
        assert_problem(await narrow.post(f"/v1/api-keys/{mighty}/rotate", {}), 403, "scope_missing")
    small = await make(operator, scopes=["users:read"])
    turned = (await narrow.post(f"/v1/api-keys/{small['id']}/rotate", {})).json()
    assert instant(turned["expires_at"]) == end


async def test_a_merchant_has_keys_of_its_own_alone(
    rest: Rest, operator: Caller, keeper: Caller, shop: Merchant
) -> None:
    """Others' are not there, in the very words of what never was; nor does it make keys for anybody else."""
    mine = await make(keeper)
    assert (mine["kind"], mine["merchant_id"]) == ("merchant", shop.id)
    other = await rest.world.merchant()
    theirs = (await make(operator, merchant_id=other.id))["id"]
    foreign = await keeper.post("/v1/api-keys", {"label": "x", "merchant_id": other.id})
    assert_problem(foreign, 403, "not_yours", pointer="/merchant_id")
    for hidden in (theirs, operator.key_id, new_id("key")):
        told = [
            await keeper.get(f"/v1/api-keys/{hidden}"),
            await keeper.post(f"/v1/api-keys/{hidden}/rotate", {}),
            await keeper.post(f"/v1/api-keys/{hidden}/revoke", {}),
        ]
        for response in told:
            assert_problem(response, 404, "api_key_unknown", parameter="key_id")
            assert response.json()["detail"] == "there is no such API key"
    listed = (await keeper.get("/v1/api-keys")).json()["items"]
    assert {key["merchant_id"] for key in listed} == {shop.id}
    unknown = await operator.post("/v1/api-keys", {"label": "x", "merchant_id": new_id("mer")})
    assert_problem(unknown, 404, "merchant_unknown", pointer="/merchant_id")


async def test_a_key_tells_how_often_it_may_ask(rest: Rest, operator: Caller, shop: Merchant) -> None:
    """Where it has a rate; and so have those that it makes for its owner, or that replace it. Null: as its kind may."""
    rated = await rest.operator(rate=Rate(per_s=500, burst=900))
    key, body = new_key(), {"label": "of a test"}
    made = (await rated.post("/v1/api-keys", body, key=key)).json()
    told = [
        (await operator.get(f"/v1/api-keys/{rated.key_id}")).json(),
        made,
        (await rated.post("/v1/api-keys", body, key=key)).json(),
        (await operator.post(f"/v1/api-keys/{made['id']}/rotate", {})).json(),
        (await operator.post(f"/v1/api-keys/{made['id']}/revoke", {})).json(),
    ]
    listed = {one["id"]: one for one in (await operator.get("/v1/api-keys")).json()["items"]}
    told += [listed[one["id"]] for one in told]
    assert {(one["rate_per_s"], one["burst"]) for one in told} == {(500, 900)}
    for plain in (await make(operator), await make(rated, merchant_id=shop.id)):
        shown = (await operator.get(f"/v1/api-keys/{plain['id']}")).json()
        assert [(one["rate_per_s"], one["burst"]) for one in (plain, shown)] == [(None, None)] * 2


async def test_a_list_of_keys_is_continued(rest: Rest, operator: Caller) -> None:
    """Each once, newest first, without secrets."""
    made = [(await make(operator))["id"] for _ in range(3)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await operator.get(f"/v1/api-keys?limit=2{cursor}")).json()
        assert all("secret" not in key for key in page["items"])
        seen += [key["id"] for key in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen))
    assert set(made) <= set(seen[:4])
    assert seen == sorted(seen, reverse=True)


async def test_a_key_is_revoked_once_and_for_all(rest: Rest, operator: Caller) -> None:
    """At once here, though it was remembered; revoking it again under another key says since when."""
    made = await make(operator)
    holder = rest.caller(made["secret"])
    assert (await holder.get("/v1/api-keys")).status_code == 200
    first = await operator.post(f"/v1/api-keys/{made['id']}/revoke", {})
    assert_problem(await holder.get("/v1/api-keys"), 401, "api_key_invalid")
    rest.world.clock.advance(timedelta(seconds=1))
    again = await operator.post(f"/v1/api-keys/{made['id']}/revoke", {})
    assert first.json()["revoked_at"] is not None
    assert again.json() == first.json()


async def test_whose_key_was_taken_away_makes_no_other(rest: Rest, operator: Caller) -> None:
    """Not even in the seconds for which another process still remembers it."""
    made = await make(operator)
    async with open_rest(rest.world) as elsewhere:
        thief = elsewhere.caller(made["secret"])
        assert (await thief.get("/v1/api-keys")).status_code == 200
        await operator.post(f"/v1/api-keys/{made['id']}/revoke", {})
        assert (await thief.get("/v1/api-keys")).status_code == 200
        assert_problem(await thief.post("/v1/api-keys", {"label": "x"}), 409, "api_key_ended")
        assert_problem(await thief.post(f"/v1/api-keys/{operator.key_id}/rotate", {}), 409, "api_key_ended")
        assert_problem(await thief.post(f"/v1/api-keys/{operator.key_id}/revoke", {}), 409, "api_key_ended")


async def test_the_last_key_that_makes_keys_stays(rest: Rest, operator: Caller, shop: Merchant) -> None:
    """Else nobody could make another over REST; keys that make none, have ended or are a merchant's do not count."""
    keys = await rest.keys.list_keys()
    for key in keys:
        if key.scope == Scope.OPERATOR.value and key.id != operator.key_id:
            await rest.keys.revoke(key.id)
    await make(operator, scopes=["users:write"])
    await make(operator, merchant_id=shop.id)
    brief = await make(operator, expires_at=(rest.world.clock.now() + timedelta(seconds=1)).isoformat())
    rest.world.clock.advance(timedelta(seconds=1))
    assert not await opens(rest, brief["secret"])
    assert_problem(await operator.post(f"/v1/api-keys/{operator.key_id}/revoke", {}), 409, "api_key_last")
    other = await make(operator)
    assert (await operator.post(f"/v1/api-keys/{other['id']}/revoke", {})).status_code == 201


async def test_an_owner_has_so_many_keys_and_no_more(rest: Rest, operator: Caller) -> None:
    """What opens nothing does not count."""
    merchant = await rest.world.merchant()
    made = [
        (await rest.keys.create(scope=Scope.MERCHANT, merchant_id=merchant.id, label="of a test"))[0]
        for _ in range(KEYS_MAX)
    ]
    wanted = {"label": "x", "merchant_id": merchant.id}
    assert_problem(await operator.post("/v1/api-keys", wanted), 409, "api_keys_too_many")
    assert_problem(await operator.post(f"/v1/api-keys/{made[0].id}/rotate", {}), 409, "api_keys_too_many")
    await rest.keys.revoke(made[0].id)
    assert (await operator.post("/v1/api-keys", wanted)).status_code == 201
