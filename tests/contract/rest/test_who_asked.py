"""Who asked, over REST: every command is stored with the API key that it came with, whichever route it takes."""

from typing import Any, Final

import pytest

from tests.contract.rest.drawn import operations
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key, wallet_number

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEEPING_NOTHING: Final = {"simulateRuleset", "backtestRuleset", "lintDraft"}
"""Commands that leave no key behind: they change nothing."""

WORKED: Final[dict[str, dict[str, object]]] = {
    "POST /v1/users": {"reference": "of a test"},
    "POST /v1/users/{user_id}/wallet": {"wallet": wallet_number(4_711)},
    "POST /v1/users/{user_id}/wallet-challenges": {"wallet": wallet_number(4_712)},
    "POST /v1/merchants": {"name": "of a test"},
    "POST /v1/merchants/{merchant_id}/facts": {"mcc": "5411"},
    "POST /v1/programmes": {"name": "of a test", "currency": "CHF", "rate_bps": 100, "budget_minor": "1"},
    "POST /v1/exchange-rates": {
        "base": "EUR",
        "quote": "USD",
        "numerator": 11,
        "denominator": 10,
        "source": "of a test",
        "as_of": "2026-02-28T00:00:00Z",
    },
    "POST /v1/api-keys": {"label": "of a test"},
    "POST /v1/api-keys/{key_id}/rotate": {},
    "POST /v1/webhooks/endpoints": {"url": "https://example.org/", "types": ["token.minted"]},
}
"""What has something done where a drawn text is none that does."""

UNDONE: Final = {
    "POST /v1/campaigns": "it ends when it starts",
    "POST /v1/campaigns/{campaign_id}/close": "its programme has ended",
    "POST /v1/cashback/{cashback_id}/review": "it waits for nobody",
    "POST /v1/debts/{user_id}/write-offs": "nothing is owed",
    "POST /v1/ruleset-drafts/{draft_id}/publish": "it was changed meanwhile",
    "POST /v1/purchases/stream": "its lines are no JSON that could be drawn",
    "POST /v1/rulesets/{ruleset_id}/withdraw": "there is no version of that id",
    "POST /v1/users/{user_id}/wallet-changes/{change_id}/cancel": "nothing waits",
    "POST /v1/users/{user_id}/wallet-proofs": "nothing is asked that a drawn text would answer",
    "POST /v1/webhooks/deliveries/{delivery_id}/replay": "nothing was delivered",
}
"""What is refused here, and why; each goes the way of one that is done."""

Asked = tuple[str, str | None]
"""Whose idempotency key, and with which API key the first request under it came."""


async def asked(rest: Rest, key: str) -> list[Asked]:
    """Return what is stored of an idempotency key."""
    rows = await rest.world.rows("select owner, by_key from purchases.idempotency_keys where key = %s", key)
    return [(row[0], row[1]) for row in rows]


async def known_to(rest: Rest, operator: Caller) -> dict[str, str]:
    """Return ids of something, by the names that members have for them."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    programme = (await operator.get("/v1/programmes/current")).json()["id"]
    [campaign, *_] = (await operator.get(f"/v1/programmes/{programme}/campaigns")).json()["items"]
    draft = await operator.post(
        "/v1/ruleset-drafts",
        {
            "programme_id": programme,
            "name": "of a test",
            "document": {
                "rules": [{"id": "base", "campaign": campaign["id"], "earns": {"kind": "percent", "rate_bps": 100}}]
            },
        },
    )
    purchase = await operator.post("/v1/purchases", a_purchase(user, merchant))
    endpoint = await operator.post("/v1/webhooks/endpoints", {"url": "https://example.org/", "types": ["token.minted"]})
    return {
        "user_id": user.id,
        "merchant_id": merchant.id,
        "programme_id": programme,
        "campaign_id": campaign["id"],
        "draft_id": draft.json()["id"],
        "purchase_id": purchase.json()["id"],
        "cashback_id": purchase.json()["cashback"]["id"],
        "endpoint_id": endpoint.json()["id"],
        "key_id": (await operator.post("/v1/api-keys", {"label": "of a test"})).json()["id"],
    }


async def test_every_command_is_stored_with_the_key_that_it_came_with(rest: Rest, operator: Caller) -> None:
    """Drawn from the document, so that no route is forgotten; what ends something comes last."""
    known = await known_to(rest, operator)
    drawn = [one for one in operations(rest.app.openapi_schema.to_schema(), known) if one.method == "POST"]
    drawn.sort(key=lambda one: one.template.endswith(("/close", "/end", "/discard", "/disable", "/revoke")))
    refund = {"purchase_id": known["purchase_id"], "amount_minor": "1", "reason": "of a test"}
    worked = WORKED | {"POST /v1/refunds": refund}
    stored: dict[str, list[Asked]] = {}
    for one in drawn:
        for body in [worked[one.name]] if one.name in worked else one.bodies:
            key = new_key()
            response = await operator.ask(
                "POST", one.url(path=known), json=body, headers={**one.headers, "Idempotency-Key": key}
            )
            if response.status_code == 201:
                stored[one.name] = await asked(rest, key)
    paths: dict[str, Any] = rest.app.openapi_schema.to_schema()["paths"]
    told = {f"POST {path}": item["post"]["operationId"] for path, item in paths.items() if "post" in item}
    done = {name: found for name, found in stored.items() if told[name] not in KEEPING_NOTHING}
    assert {one.name for one in drawn if told[one.name] not in KEEPING_NOTHING} == done.keys() | UNDONE.keys()
    assert {name: found for name, found in done.items() if found != [("operator", operator.key_id)]} == {}


async def test_a_merchants_keys_are_told_apart(rest: Rest) -> None:
    """They own the same idempotency keys, and whoever repeats is answered as the first was."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    one, other = await rest.merchant(merchant), await rest.merchant(merchant)
    key = new_key()
    first = await one.post("/v1/purchases", a_purchase(user), key=key)
    again = await other.post("/v1/purchases", a_purchase(user), key=key)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert await asked(rest, key) == [(merchant.id, one.key_id)]
    mine = new_key()
    await other.post("/v1/purchases", a_purchase(user), key=mine)
    assert await asked(rest, mine) == [(merchant.id, other.key_id)]
