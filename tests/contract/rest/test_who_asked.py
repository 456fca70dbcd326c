"""Who asked, over REST: every command is stored with the API key that it came with, whichever route it takes."""

import pytest

from tests.contract.rest.done import everything_done
from tests.contract.rest.world import Caller, Rest, a_purchase
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

Asked = tuple[str, str | None]
"""Whose idempotency key, and with which API key the first request under it came."""


async def asked(rest: Rest, key: str) -> list[Asked]:
    """Return what is stored of an idempotency key."""
    rows = await rest.world.rows("select owner, by_key from purchases.idempotency_keys where key = %s", key)
    return [(row[0], row[1]) for row in rows]


async def test_every_command_is_stored_with_the_key_that_it_came_with(rest: Rest, operator: Caller) -> None:
    """Drawn from the document, so that no route is forgotten."""
    stored = {one.name: await asked(rest, one.key) for one in await everything_done(rest, operator)}
    assert {name: found for name, found in stored.items() if found != [("operator", operator.key_id)]} == {}


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
