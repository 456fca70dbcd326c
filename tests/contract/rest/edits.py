"""What may be edited over REST, one of each, and how: shared by the tests of edits."""

from collections.abc import Mapping
from typing import Final

import httpx

from tests.contract.rest.world import Caller, Rest

ENDPOINTS: Final = "/v1/webhooks/endpoints"
OTHER_TAG: Final = '"0123456789abcdef"'
OUTDATED: Final = {
    "merchants": "merchant_outdated",
    "users": "user_outdated",
    "webhooks": "endpoint_outdated",
    "ruleset-drafts": "draft_outdated",
}
EDITS: Final[Mapping[str, tuple[dict[str, object], dict[str, object]]]] = {
    "merchants": ({"name": "Corner"}, {"name": "Comer"}),
    "users": ({"reference": "alice"}, {"reference": "bob"}),
    "webhooks": ({"url": "https://shop.example/one"}, {"types": ["token.minted", "purchase.refunded"]}),
}
"""What may be edited, and what two people make of it."""


async def things_of(rest: Rest, operator: Caller) -> dict[str, str]:
    """Return where there is a new one of everything that is told with a tag, by its kind."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    programme = (await operator.get("/v1/programmes/current")).json()["id"]
    campaign = (await operator.get(f"/v1/programmes/{programme}/campaigns")).json()["items"][0]["id"]
    rules = {"rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 100}}]}
    draft = await operator.post("/v1/ruleset-drafts", {"programme_id": programme, "name": "x", "document": rules})
    new = {"url": "https://shop.example/", "types": ["token.minted"], "merchant_id": merchant.id}
    endpoint = await operator.post(ENDPOINTS, new)
    return {
        "users": f"/v1/users/{user.id}",
        "merchants": f"/v1/merchants/{merchant.id}",
        "webhooks": f"{ENDPOINTS}/{endpoint.json()['id']}",
        "programmes": f"/v1/programmes/{programme}",
        "campaigns": f"/v1/campaigns/{campaign}",
        "ruleset-drafts": f"/v1/ruleset-drafts/{draft.json()['id']}",
    }


async def tag_at(caller: Caller, path: str) -> str:
    """Return the tag of what is there now."""
    shown = await caller.get(path)
    assert shown.status_code == 200, shown.text
    return str(shown.headers["etag"])


async def edit(caller: Caller, path: str, body: object, tag: str, *, key: str = "") -> httpx.Response:
    """Return the answer to an edit of what has that tag."""
    return await caller.post(path, body, key=key, headers={"If-Match": tag})
