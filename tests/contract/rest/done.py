"""Every command of the document, done once: drawn from it, so that no route is forgotten."""

from typing import Any, Final

import httpx
import msgspec

from tests.contract.rest.drawn import operations
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key, wallet_number

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
        "as_of": "2026-02-28T02:00:00+02:00",
    },
    "POST /v1/api-keys": {"label": "of a test"},
    "POST /v1/api-keys/{key_id}/rotate": {},
    "POST /v1/webhooks/endpoints": {"url": "https://example.org/", "types": ["token.minted"]},
    "POST /v1/webhooks/endpoints/{endpoint_id}": {"url": "https://example.org/v2"},
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

ENDING: Final = ("/close", "/end", "/discard", "/disable", "/revoke")

ERASING: Final = "/erase"
"""What that leaves cannot be told anew: somebody of whom nothing else was done is erased."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was done: which, how it was asked for, and the answer."""

    name: str
    operation: str
    url: str
    body: Any
    headers: dict[str, str]
    answer: httpx.Response

    @property
    def key(self) -> str:
        """Return its idempotency key."""
        return self.headers["Idempotency-Key"]

    async def again(self, caller: Caller) -> httpx.Response:
        """Return what the same command under the same key is answered with now."""
        return await caller.ask("POST", self.url, json=self.body, headers=self.headers)


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


async def everything_done(rest: Rest, operator: Caller) -> list[Done]:
    """Return every command that can be done here, done once; what ends something comes last.

    Those of `UNDONE` alone are missing, and those that keep nothing.
    """
    known = await known_to(rest, operator)
    document: dict[str, Any] = rest.app.openapi_schema.to_schema()
    drawn = [one for one in operations(document, known) if one.method == "POST"]
    drawn.sort(key=lambda one: one.template.endswith(ENDING))
    refund = {"purchase_id": known["purchase_id"], "amount_minor": "1", "reason": "of a test"}
    worked = WORKED | {"POST /v1/refunds": refund}
    done = []
    for one in drawn:
        for body in [worked[one.name]] if one.name in worked else one.bodies:
            headers = {**one.headers, "Idempotency-Key": new_key()}
            whom = {"user_id": (await rest.world.user()).id} if one.template.endswith(ERASING) else {}
            url, operation = one.url(path=known | whom), document["paths"][one.template]["post"]["operationId"]
            if "If-Match" in headers and "get" in document["paths"][one.template]:
                headers["If-Match"] = (await operator.get(url)).headers["etag"]
            answer = await operator.ask("POST", url, json=body, headers=headers)
            if answer.status_code == 201 and operation not in KEEPING_NOTHING:
                done.append(
                    Done(name=one.name, operation=operation, url=url, body=body, headers=headers, answer=answer)
                )
    told = {one.name: document["paths"][one.template]["post"]["operationId"] for one in drawn}
    seen = {one.name for one in done} | UNDONE.keys()
    assert {name for name, operation in told.items() if operation not in KEEPING_NOTHING} == seen
    return done
