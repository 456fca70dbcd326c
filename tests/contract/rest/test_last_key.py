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


async def test_a_key_that_ends_sooner_is_no_other_one(rest: Rest) -> None:
    """Nor is one that was replaced, whatever its overlap: with either, nobody would make any some time later."""
    last = await alone(rest)
    later = rest.world.clock.now() + timedelta(days=300)
    await make(last, expires_at=later.isoformat())
    new = (await last.post(f"/v1/api-keys/{last.key_id}/rotate", {"overlap_s": 604_800})).json()
    assert_problem(await last.post(f"/v1/api-keys/{new['id']}/revoke", {}), 409, "api_key_last")
    # The old one goes: the new one goes on for longer.
    holder = rest.caller(new["secret"])
    assert (await holder.post(f"/v1/api-keys/{last.key_id}/revoke", {})).status_code == 201
    assert_problem(await holder.post(f"/v1/api-keys/{new['id']}/revoke", {}), 409, "api_key_last")
    await make(holder)
    assert (await holder.post(f"/v1/api-keys/{new['id']}/revoke", {})).status_code == 201


async def test_of_keys_that_end_another_one_ends_no_sooner(rest: Rest) -> None:
    """Where the command line left none that goes on for ever, the one that ends last stays."""
    last = await alone(rest)
    ends = rest.world.clock.now() + timedelta(days=30)
    first, second = [await make(last, expires_at=ends.isoformat()) for _ in range(2)]
    sooner = await make(last, expires_at=(ends - timedelta(seconds=1)).isoformat())
    await rest.keys.revoke(last.key_id)
    holder = rest.caller(first["secret"])
    assert (await holder.post(f"/v1/api-keys/{second['id']}/revoke", {})).status_code == 201
    assert_problem(await holder.post(f"/v1/api-keys/{first['id']}/revoke", {}), 409, "api_key_last")
    assert (await holder.post(f"/v1/api-keys/{sooner['id']}/revoke", {})).status_code == 201


async def test_the_last_key_is_replaced_by_none_that_ends_sooner(rest: Rest) -> None:
    """However far off that is, until there is another; but by one that ends no earlier than itself it is."""
    last = await alone(rest)
    rotate = f"/v1/api-keys/{last.key_id}/rotate"
    soon, end = [(rest.world.clock.now() + far).isoformat() for far in (timedelta(seconds=15), timedelta(days=300))]
    for sooner in (soon, end):
        assert_problem(await last.post(rotate, {"overlap_s": 0, "expires_at": sooner}), 409, "api_key_last")
    brief = await make(last, expires_at=end)
    # A key replaces none by one that goes on for longer than itself.
    assert_problem(await rest.caller(brief["secret"]).post(rotate, {}), 409, "api_key_last")
    other = (await last.post(f"/v1/api-keys/{brief['id']}/rotate", {"overlap_s": 0})).json()
    assert instant(other["expires_at"]) == instant(end)
    await make(last)
    assert (await last.post(rotate, {"expires_at": end})).status_code == 201
