"""Answers of long ago: forgotten, and made anew of what stands now; the key stands for its command for ever (I7)."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest

from cashback.processes.webhooks_once import WEBHOOK_REBUILDERS
from cashback.purchases.service import REBUILDERS, AnswerForgetter
from cashback.purchases.service.rebuilding import KEPT
from tests.contract.rest.document import assert_problem
from tests.contract.rest.done import KEEPING_NOTHING, everything_done
from tests.contract.rest.test_audit_log import called
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import START, new_key, wallet_number

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.invariant("I7")]

REBUILT: Final = REBUILDERS.keys() | WEBHOOK_REBUILDERS.keys()
NAMES: Final = ("id", "user_id", "merchant_id", "programme_id", "cashback_id")
BULK: Final = "createPurchases"
"""Each purchase of it is told by itself, as a test of its own says."""


async def forget(rest: Rest) -> None:
    """Have all of it been done 31 days ago, and forget what is as old as that."""
    await rest.world.rows("update purchases.idempotency_keys set created_at = now() - interval '31 days'")
    await AnswerForgetter(rest.world.api, keep_days=30, deeds=REBUILT).forget(asyncio.Event())


async def again(caller: Caller, path: str, body: object, *, key: str) -> dict[str, Any]:
    """Return what a command of long ago is answered with, which is marked as that."""
    response = await caller.post(path, body, key=key)
    assert (response.status_code, marks_of(response.headers)) == (201, ("true", "true")), response.text
    answer: dict[str, Any] = response.json()
    return answer


def marks_of(headers: Any) -> tuple[str | None, str | None]:  # noqa: ANN401  # httpx's own
    """Return how an answer is marked: as given before, as made anew."""
    return headers.get("idempotency-replayed"), headers.get("idempotency-rebuilt")


async def test_of_every_command_it_is_said_whether_its_answer_is_kept(rest: Rest) -> None:
    """Drawn from the document: each can be told again, or is on the list of those that are kept, with its reason."""
    document: dict[str, Any] = rest.app.openapi_schema.to_schema()
    commands = {item["post"]["operationId"] for item in document["paths"].values() if "post" in item}
    deeds = {called(operation) for operation in commands - KEEPING_NOTHING}
    assert REBUILT & KEPT.keys() == set()
    assert deeds == REBUILT | KEPT.keys()


async def test_what_is_told_is_what_stands_now(rest: Rest, operator: Caller) -> None:
    """A cashback whose mint was requested since, a user with another wallet: the answer of then is gone."""
    keys = [new_key() for _ in range(3)]
    body = {"wallet": wallet_number(1_001), "reference": "of long ago"}
    user = (await operator.post("/v1/users", body, key=keys[0])).json()
    merchant = await rest.world.merchant()
    bought = a_purchase(user["id"], merchant, reference="order 1", lines=[{"amount_minor": "1999", "sku": "tea"}])
    purchase = (await operator.post("/v1/purchases", bought, key=keys[1])).json()
    blocking = {"person": "Ada", "reason": "of a test"}
    await operator.post(f"/v1/users/{user['id']}/block", blocking, key=keys[2])
    await rest.world.request(purchase["cashback"]["id"])
    await operator.post(f"/v1/users/{user['id']}/wallet", {"wallet": wallet_number(1_002)})
    await operator.post(f"/v1/users/{user['id']}/unblock", blocking | {"person": "Grace"})
    await forget(rest)
    now = await again(operator, "/v1/users", body, key=keys[0])
    assert now == (await operator.get(f"/v1/users/{user['id']}")).json()
    assert now["wallet"] == wallet_number(1_002)
    told = await again(operator, "/v1/purchases", bought, key=keys[1])
    assert told["cashback"].pop("state") == "mint_requested"
    assert purchase["cashback"].pop("state") == "approved"
    assert told == purchase
    block = await again(operator, f"/v1/users/{user['id']}/block", blocking, key=keys[2])
    assert (block["is_blocked"], block["is_news"], block["person"]) == (False, False, "Grace")


async def test_campaigns_and_rulesets_of_long_ago_are_told_as_they_stand(rest: Rest, operator: Caller) -> None:
    """Those that the drawn commands do not come to: a campaign that is closed, a draft that is published."""
    terms = {"name": "of long ago", "currency": "JPY", "rate_bps": 100, "budget_minor": "1000"}
    programme = (await operator.post("/v1/programmes", terms)).json()["id"]
    new = {"programme_id": programme, "name": "spring", "budget_minor": "10"}
    keys = [new_key() for _ in range(3)]
    campaign = (await operator.post("/v1/campaigns", new, key=keys[0])).json()["id"]
    rules = {"rules": [{"id": "base", "campaign": campaign, "earns": {"kind": "percent", "rate_bps": 100}}]}
    draft = await operator.post("/v1/ruleset-drafts", {"programme_id": programme, "name": "x", "document": rules})
    publishing = {"starts_at": (START + timedelta(days=1)).isoformat()}
    path, looked_at = f"/v1/ruleset-drafts/{draft.json()['id']}/publish", {"If-Match": '"1"'}
    version = await operator.post(path, publishing, key=keys[1], headers=looked_at)
    assert version.status_code == 201, version.text
    closing = f"/v1/campaigns/{campaign}/close"
    await operator.post(closing, {"reason": "of a test"}, key=keys[2])
    await forget(rest)
    closed = (await operator.get(f"/v1/campaigns/{campaign}")).json()
    assert closed["closed_at"] is not None
    assert await again(operator, "/v1/campaigns", new, key=keys[0]) == closed
    assert await again(operator, closing, {"reason": "of a test"}, key=keys[2]) == closed
    told = await operator.post(path, publishing, key=keys[1], headers=looked_at)
    assert (told.json(), marks_of(told.headers)) == (version.json(), ("true", "true"))


async def test_a_forgotten_key_stands_for_its_command_still(rest: Rest, operator: Caller) -> None:
    """Another body under it is refused, as on the first day (I7)."""
    key = new_key()
    await operator.post("/v1/users", {"reference": "one"}, key=key)
    await forget(rest)
    for body in ({"reference": "another"}, {}):
        refused = await operator.post("/v1/users", body, key=key)
        assert_problem(refused, 422, "idempotency_key_reused", parameter="Idempotency-Key")


async def test_a_bulk_of_long_ago_is_told_part_by_part(rest: Rest, operator: Caller) -> None:
    """Each purchase that was recorded then as it stands now; what was refused is tried again."""
    user, merchant, key = await rest.world.user(), await rest.world.merchant(), new_key()
    body = {"purchases": [a_purchase(user, merchant), a_purchase(user, merchant, currency="XXX")]}
    first = (await operator.post("/v1/purchases/bulk", body, key=key)).json()
    await forget(rest)
    response = await operator.post("/v1/purchases/bulk", body, key=key)
    assert (response.status_code, marks_of(response.headers)) == (201, ("true", "true"))
    told, refused = response.json()["items"]
    assert told == {**first["items"][0], "is_replay": True, "is_rebuilt": True}
    assert (refused["status"], refused["problem"]["code"]) == (422, "currency_unknown")


async def test_every_command_of_long_ago_is_answered_once_more(rest: Rest) -> None:
    """With the same id, in the documented form, marked twice, and nothing is done by it; what is kept in its bytes.

    The last of all, as the programme ends.
    """
    operator = await rest.operator()
    done = await everything_done(rest, operator)
    await forget(rest)
    before = await rest.stored()
    for one in done:
        response = await one.again(operator)
        assert response.status_code == 201, (one.name, response.text)
        if one.operation == BULK:
            continue
        is_rebuilt = called(one.operation) in REBUILT
        assert marks_of(response.headers) == ("true", "true" if is_rebuilt else None), one.name
        if is_rebuilt:
            assert named_in(response.json()) == named_in(one.answer.json()), one.name
        else:
            assert response.content == one.answer.content, one.name
    assert await rest.stored() == before


def named_in(answer: dict[str, Any]) -> object:
    """Return the id of what an answer is about; a rate has none, and is the whole of it."""
    return next((answer[name] for name in NAMES if name in answer), answer)
