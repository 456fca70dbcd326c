"""One problem for each status that there is, wherever no operation has one of its own.

Some of them want the world to fail, or a command to take long: there the service is told what it would find.
"""

from typing import Any, Final
from unittest.mock import patch

from cashback.kernel.db import DatabaseUnavailable
from cashback.kernel.ids import new_id
from cashback.kernel.principal import Rate
from cashback.processes.api import Guards
from cashback.purchases.model import KeyBusy, Refused
from cashback.purchases.service import People
from cashback.webhooks import Endpoints
from cashback.webhooks.model import SecretUnreadable
from tests.contract.rest.examples.stage import BOUGHT, WHY, Stage
from tests.contract.rest.examples.terms import document
from tests.contract.rest.world import Rest

NOBODYS_NUMBER: Final = 9_000_000_000
BUSY: Final = KeyBusy("the first request under this key is still being answered")


async def refusals(stage: Stage) -> None:
    """Have requests refused that no form would take, and those that are of nobody, forbidden, or too late."""
    told, operator, anna = stage.told, stage.operator, stage.ids["anna"]
    bought: dict[str, Any] = {"merchant_id": stage.ids["shop"], "user_id": anna, "amount_minor": "1999", **BOUGHT}
    await told.refused(operator, "createPurchase", 400, "{")
    await told.refused(stage.rest.nobody, "showUser", 401, user_id=anna, is_usual=True)
    reader = await stage.rest.operator(label="Reports", scopes=("purchases:read",))
    await told.refused(reader, "createMerchant", 403, {"name": "Corner Shop"})
    await told.refused(operator, "createPurchase", 404, {**bought, "user_id": new_id("usr")})
    stale = {"document": document(stage.ids["base"], rate_bps=60)}
    await told.refused(
        operator, "changeDraft", 412, stale, draft_id=await _draft(stage), is_usual=True, **{"If-Match": '"7"'}
    )
    await told.refused(operator, "changeDraft", 428, stale, draft_id=await _draft(stage), is_usual=True)
    await told.refused(operator, "setTier", 413, " " * 100_000, user_id=anna)
    await told.refused(operator, "setTier", 415, "tier=gold", kind="text/plain", user_id=anna)
    await told.refused(operator, "createPurchase", 422, {"user_id": anna, "amount_minor": 1999})
    await told.refused(operator, "createPurchase", 409, {**bought, "reference": "order-1001"})
    above = {"purchase_id": stage.ids["tea"], "amount_minor": "12990", "reason": "Sent back"}
    await told.refused(operator, "createRefund", 409, above)
    verdict = {"verdict": "reject", "person": "Grace Hopper", "reason": "Saw the invoice"}
    await told.refused(operator, "reviewCashback", 409, verdict, cashback_id=stage.ids["tea's"])
    declined = (await operator.post("/v1/purchases", {**bought, "currency": "GBP"})).json()["cashback"]["id"]
    await told.refused(operator, "proveCashback", 409, cashback_id=declined)
    await operator.post(f"/v1/debts/{anna}/write-offs", WHY)
    await told.refused(operator, "writeOffDebt", 409, WHY, user_id=anna)


async def failures(stage: Stage) -> None:
    """Have requests refused for what nobody who asks can mend: too many of them, one under way, a world that fails."""
    told, operator, anna = stage.told, stage.operator, stage.ids["anna"]
    narrow = Rest(stage.world, stage.rest.adapter, guards=Guards(operators=Rate(per_s=1, burst=1), now_s=lambda: 0.0))
    hasty = await narrow.operator(label="Hasty")
    await hasty.get(f"/v1/users/{anna}")
    await told.refused(hasty, "showUser", 429, user_id=anna, is_usual=True)
    endpoint = (await operator.get("/v1/webhooks/endpoints")).json()["items"][0]["id"]
    with patch.object(Endpoints, "secret", side_effect=SecretUnreadable("a webhook secret is not what was sealed")):
        await told.refused(operator, "showWebhookSecret", 409, endpoint_id=endpoint)
    with patch.object(People, "create_user", return_value=Refused(BUSY)):
        await told.refused(operator, "createUser", 409, {}, is_usual=True)
    for status, failure in (
        (500, RuntimeError("planted")),
        (503, DatabaseUnavailable("the database refused the connection")),
    ):
        with patch.object(People, "user", side_effect=failure):
            await told.refused(operator, "showUser", status, user_id=anna, is_usual=True)


async def unknown(stage: Stage) -> None:
    """Ask every operation for what is under ids that nobody has, and as what nobody has seen."""
    await stage.told.ask_too_late(stage.operator)
    await stage.told.ask_for_nothing(stage.operator, strangers())


def strangers() -> dict[str, Any]:
    """Return ids that nobody has, by the names of what takes them."""
    prefixes = {
        "user_id": "usr",
        "merchant_id": "mer",
        "purchase_id": "pur",
        "refund_id": "rfd",
        "cashback_id": "cb",
        "adjustment_id": "adj",
        "programme_id": "prg",
        "campaign_id": "cmp",
        "draft_id": "drf",
        "ruleset_id": "rul",
        "key_id": "key",
        "change_id": "whc",
        "endpoint_id": "whe",
        "delivery_id": "whd",
        "event_id": "evt",
    }
    return {**{name: new_id(prefix) for name, prefix in prefixes.items()}, "number": NOBODYS_NUMBER}


async def _draft(stage: Stage) -> str:
    """Return a draft that may be changed."""
    body = {
        "programme_id": stage.ids["programme"],
        "name": "Winter",
        "document": document(stage.ids["base"], rate_bps=50),
    }
    return str((await stage.operator.post("/v1/ruleset-drafts", body)).json()["id"])


ACTS: Final = (refusals, failures, unknown)
"""At the very end."""
