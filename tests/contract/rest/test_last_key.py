"""Nobody locks everybody out over REST: who makes API keys goes only where another one stays who does."""

from datetime import timedelta
from typing import Any

import pytest

from cashback.kernel.http import Scope
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest, instant

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def alone(rest: Rest) -> Caller:
    """Return who holds the only operator's key that opens anything."""
    last = await rest.operator()
    for key in await rest.keys.list_keys():
        if key.scope == Scope.OPERATOR.value and key.id != last.key_id:
            await rest.keys.revoke(key.id)
    return last


async def make(caller: Caller, **body: object) -> dict[str, Any]:
    """Return a new key that a caller asks for, with its secret."""
    response = await caller.post("/v1/api-keys", {"label": "of a test", **body})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def test_a_key_that_ends_soon_is_no_other_one(rest: Rest) -> None:
    """Nor is one that was replaced, whatever its overlap: with either, nobody would get in some time later."""
    last = await alone(rest)
    soon = rest.world.clock.now() + timedelta(days=1) - timedelta(seconds=1)
    await make(last, expires_at=soon.isoformat())
    new = (await last.post(f"/v1/api-keys/{last.key_id}/rotate", {"overlap_s": 604_800})).json()
    assert_problem(await last.post(f"/v1/api-keys/{new['id']}/revoke", {}), 409, "api_key_last")
    # The old one goes: the new one goes on for longer.
    holder = rest.caller(new["secret"])
    assert (await holder.post(f"/v1/api-keys/{last.key_id}/revoke", {})).status_code == 201
    await make(holder, expires_at=(soon + timedelta(seconds=1)).isoformat())
    assert (await holder.post(f"/v1/api-keys/{new['id']}/revoke", {})).status_code == 201


async def test_the_last_key_is_replaced_by_none_that_ends_soon(rest: Rest) -> None:
    """Until there is another; but by one that ends no earlier than itself it is, however soon that is."""
    last = await alone(rest)
    rotate = f"/v1/api-keys/{last.key_id}/rotate"
    soon = (rest.world.clock.now() + timedelta(seconds=15)).isoformat()
    assert_problem(await last.post(rotate, {"overlap_s": 0, "expires_at": soon}), 409, "api_key_last")
    brief = await make(last, expires_at=soon)
    # A key replaces none by one that goes on for longer than itself.
    assert_problem(await rest.caller(brief["secret"]).post(rotate, {}), 409, "api_key_last")
    other = (await last.post(f"/v1/api-keys/{brief['id']}/rotate", {"overlap_s": 0})).json()
    assert instant(other["expires_at"]) == instant(soon)
    await make(last)
    assert (await last.post(rotate, {"expires_at": soon})).status_code == 201
