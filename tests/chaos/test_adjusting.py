"""Kill -9 of the API between the effect of an adjustment and its answer: the same key again, and one effect (I7)."""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pytest

from cashback.kernel.http.commands import REPLAYED
from tests.chaos.api_stage import dies_of, request_of
from tests.support.load import Shop
from tests.support.stack import WholeSystem

TRAP: Final = "commands.committed=kill"
WHY: Final = {"person": "alice", "reason": "the parcel came late"}


async def dies(stack: WholeSystem, body: dict[str, Any], key: str, folder: Path) -> None:
    """Send an adjustment to an API beside the stack's own, which does it and ends before it answers."""
    sent = request_of(body, key)
    assert await dies_of(stack, TRAP, "/v1/adjustments", sent, log=folder / f"{key}.log") is None


async def again(shop: Shop, body: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the answer to the same adjustment under the same key: that of the first time."""
    response = await shop.http.post("/v1/adjustments", json=body, headers={"Idempotency-Key": key})
    assert response.status_code == HTTPStatus.CREATED, response.text
    assert response.headers[REPLAYED] == "true"
    told: dict[str, Any] = response.json()
    return told


@pytest.mark.invariant("I1", "I7", "I8")
async def test_an_api_killed_before_it_answers_has_given_and_taken_once(stack: WholeSystem, tmp_path: Path) -> None:
    """A credit, then debits of all of it: one adjustment each, one posting each, and ledger and chain agree."""
    async with Shop.open(stack) as shop:
        customer = await shop.customer(has_wallet=False)
        [(programme,)] = stack.rows("cashback", "select id from ledger.programmes order by id limit 1")
        credit = {"kind": "credit", "user_id": customer.id, "programme_id": programme, "amount_minor": "500", **WHY}
        await dies(stack, credit, "credit-of-chaos", tmp_path)
        given = await again(shop, credit, "credit-of-chaos")
        debit = {"kind": "debit", "cashback_id": given["cashback_id"], "amount_minor": "200", **WHY}
        await dies(stack, debit, "debit-of-chaos", tmp_path)
        taken = await again(shop, debit, "debit-of-chaos")
        # What is left would wait for a wallet, and others wait until nothing is under way any more.
        rest = await shop.http.post(
            "/v1/adjustments", json=debit | {"amount_minor": "300"}, headers={"Idempotency-Key": "rest-of-chaos"}
        )
    assert (taken["net_minor"], taken["cashback_state"]) == ("300", "approved")
    made = stack.rows("cashback", "select id from ledger.adjustments where user_id = %s order by position", customer.id)
    assert [row[0] for row in made] == [given["id"], taken["id"], rest.json()["id"]]
    moved = stack.rows(
        "cashback",
        "select cause, amount from ledger.transfers where cashback_id = %s order by position",
        given["cashback_id"],
    )
    assert moved == [("accrual", 500), ("refund", 200), ("void", 300)]
    assert (await stack.drained()).findings == []
