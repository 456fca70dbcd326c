"""Users with all that somebody may be known by, each in words that stand nowhere else, and where these stand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import msgspec

from cashback.purchases.model import User
from tests.contract.rest.test_ownership import Stage, challenged, proved
from tests.contract.rest.world import a_purchase, open_rest
from tests.integration.ledger.world import World, minted_outcome, new_key
from tests.integration.purchases.proving import holder
from tests.support.adapter import HOST, FakeAdapter
from tests.support.markers import columns_with

SAID: Final = {"person": "bert", "reason": "Marker Reason buys and returns"}


class Marked(msgspec.Struct, frozen=True):
    """A user with all that somebody may be known by, what that is, and the commands that said it."""

    id: str
    markers: list[str]
    said: dict[str, tuple[str, object, dict[str, str]]]


@asynccontextmanager
async def staged(world: World) -> AsyncIterator[Stage]:
    """Give an API with an adapter that judges, and a programme."""
    await world.programme()
    async with FakeAdapter.serving() as fake, open_rest(world, adapter_address=f"{HOST}:{fake.port}") as rest:
        yield Stage(rest, await rest.operator(), fake)


async def marked(stage: Stage, number: int, *, is_minted: bool = True) -> Marked:
    """Return a user who was named, proved a wallet and then another one, was blocked, bought and was paid."""
    operator, world = stage.operator, stage.rest.world
    first, second = holder(400 + 2 * number), holder(401 + 2 * number)
    named = {"reference": f"Marker-{number} Ann@example.org", "tier": f"marker{number}"}
    said: dict[str, tuple[str, object, dict[str, str]]] = {}

    async def say(path: str, body: object, **headers: str) -> dict[str, Any]:
        """Return the answer to a command of an instant of its own that is kept to be repeated."""
        key = new_key()
        world.clock.advance(timedelta(seconds=1.25))
        response = await operator.post(path, body, key=key, headers=headers)
        assert response.status_code == 201, response.text
        said[key] = (path, body, headers)
        told: dict[str, Any] = response.json()
        return told

    user = msgspec.convert(await say("/v1/users", named), User)
    path = f"/v1/users/{user.id}"
    await say(f"{path}/tier", {"tier": named["tier"], "since": "2026-01-01T00:00:00Z"})
    for name in (f"{named['reference']} once", named["reference"]):
        await say(path, {"reference": name}, **{"If-Match": (await operator.get(path)).headers["etag"]})
    for verb in ("block", "unblock"):
        await say(f"{path}/{verb}", SAID)
    world.clock.advance(timedelta(seconds=1.25))
    await proved(operator, user, first)
    world.clock.advance(timedelta(seconds=1.25))
    bought = (await operator.post("/v1/purchases", a_purchase(user, await world.merchant()))).json()
    await world.request(bought["cashback"]["id"])
    if is_minted:
        await world.settle(await minted_outcome(world, bought["cashback"]["id"]))
    await challenged(operator, user, second)
    world.clock.advance(timedelta(seconds=1.25))
    await proved(operator, user, second)
    return Marked(user.id, [*named.values(), first.address, second.address, SAID["reason"]], said)


def places(world: World, one: Marked) -> set[str]:
    """Return every column that has something of a user, without the database's name, which is a test's."""
    return {place.partition(".")[2] for place in columns_with(world.dsns.superuser, one.markers)}


async def answers_with(world: World, one: Marked) -> set[str]:
    """Return the names of the commands whose stored answers have something of a user."""
    asked = "select what from purchases.idempotency_keys where position(convert_to(%s, 'UTF8') in answer) > 0"
    return {row[0] for marker in one.markers for row in await world.rows(asked, marker)}
