"""Whoever orders something says why: blanks say nothing, wherever a reason is asked for."""

from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from cashback.kernel.ids import new_id
from cashback.purchases.service import editing, key_orders, people, refunding
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_NAME: Final = {"person": "alice"}
AMOUNT: Final = {"amount_minor": "1"}
ORDERS: Final[Mapping[str, tuple[str, Mapping[str, object]]]] = {
    "/v1/campaigns/{}/close": ("cmp", {}),
    "/v1/campaigns/{}/rebalance": ("cmp", {}),
    "/v1/campaigns/{}/top-up": ("cmp", AMOUNT),
    "/v1/campaigns/{}/withdraw": ("cmp", AMOUNT),
    "/v1/cashback/{}/review": ("cb", {**BY_NAME, "verdict": "approve"}),
    "/v1/debts/{}/write-offs": ("usr", BY_NAME),
    "/v1/merchants/{}/activate": ("mer", BY_NAME),
    "/v1/merchants/{}/deactivate": ("mer", BY_NAME),
    "/v1/programmes/{}/end": ("prg", {}),
    "/v1/programmes/{}/pause": ("prg", BY_NAME),
    "/v1/programmes/{}/resume": ("prg", BY_NAME),
    "/v1/ruleset-drafts/{}/discard": ("drf", {}),
    "/v1/rulesets/{}/withdraw": ("rul", {}),
    "/v1/users/{}/block": ("usr", BY_NAME),
    "/v1/users/{}/unblock": ("usr", BY_NAME),
}
"""Each order that is about what its path names: the kind of that, and what else its body needs."""


@pytest.mark.parametrize("path", ORDERS)
async def test_a_reason_of_blanks_is_none(rest: Rest, operator: Caller, path: str) -> None:
    """Refused with its place, whether or not there is what the path names, and nothing is stored."""
    prefix, body = ORDERS[path]
    before = await rest.stored()
    refused = await operator.post(path.format(new_id(prefix)), {**body, "reason": "  "})
    assert_problem(refused, 422, "field_invalid", pointer="/reason")
    assert await rest.stored() == before


async def test_a_refund_has_a_reason_that_says_something(rest: Rest, operator: Caller) -> None:
    """Applied or parked: kept without the blanks around it, and under its key the same refund all the same."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    bought = (await operator.post("/v1/purchases", a_purchase(user, merchant))).json()
    for named in ({"purchase_id": bought["id"]}, {"merchant_id": merchant.id, "purchase_reference": "to come"}):
        body = {**named, "amount_minor": "1", "reason": " sent back "}
        before = await rest.stored()
        for blank in (" ", "   "):
            refused = await operator.post("/v1/refunds", {**body, "reason": blank})
            assert_problem(refused, 422, "field_invalid", pointer="/reason")
        assert await rest.stored() == before
        key = new_key()
        made = await operator.post("/v1/refunds", body, key=key)
        assert (made.status_code, made.json()["reason"]) == (201, "sent back")
        shown = await operator.get(f"/v1/refunds/{made.json()['id']}")
        assert shown.json()["reason"] == "sent back"
        assert (await operator.post("/v1/refunds", body, key=key)).content == made.content
        other = await operator.post("/v1/refunds", {**body, "reason": "sent back"}, key=key)
        assert_problem(other, 422, "idempotency_key_reused", parameter="Idempotency-Key")


async def test_a_merchant_and_a_key_are_called_something(rest: Rest, operator: Caller) -> None:
    """When they are made, and by another name."""
    before = await rest.stored()
    assert_problem(await operator.post("/v1/merchants", {"name": " "}), 422, "field_invalid", pointer="/name")
    assert_problem(await operator.post("/v1/api-keys", {"label": "  "}), 422, "field_invalid", pointer="/label")
    assert await rest.stored() == before
    path = f"/v1/merchants/{(await rest.world.merchant()).id}"
    tag = (await operator.get(path)).headers["etag"]
    renamed = await operator.post(path, {"name": " "}, headers={"If-Match": tag})
    assert_problem(renamed, 422, "field_invalid", pointer="/name")


async def test_what_was_done_when_blanks_were_taken_is_answered_as_then(
    rest: Rest, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat is known by its key, whatever is taken by now (I7)."""
    user, merchant = await rest.world.user(), await rest.world.merchant()
    bought = (await operator.post("/v1/purchases", a_purchase(user, merchant))).json()
    named = f"/v1/merchants/{merchant.id}"
    seen = {"If-Match": (await operator.get(named)).headers["etag"]}
    commands = {
        "/v1/refunds": {"purchase_id": bought["id"], "amount_minor": "1", "reason": " "},
        "/v1/merchants": {"name": " "},
        named: {"name": " "},
        "/v1/api-keys": {"label": " ", "merchant_id": merchant.id},
    }

    async def ask() -> dict[str, httpx.Response]:
        """Return the answers to the commands, each under a key of its own that stays."""
        keys = {path: f"then {path}" for path in commands}
        return {path: await operator.post(path, commands[path], key=keys[path], headers=seen) for path in commands}

    with monkeypatch.context() as before:
        for module in (refunding, people, editing):
            before.setattr(module, "problem_of_blanks", lambda *_: None)
        before.setattr(refunding, "as_told_why", lambda refund: refund)
        before.setattr(key_orders, "problem_of_label", lambda _: None)
        first = await ask()
    assert {made.status_code for made in first.values()} == {201}
    for path, again in (await ask()).items():
        then, is_same = first[path].json(), again.content == first[path].content
        if "secret" in then:
            # Which is told once.
            is_same = again.json() == {**then, "secret": None}
        assert (is_same, again.headers["idempotency-replayed"]) == (True, "true"), path
