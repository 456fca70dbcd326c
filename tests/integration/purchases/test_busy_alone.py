"""Commands in no batch whose keys another process holds: whoever waits for them leaves connections to others (I7)."""

import asyncio
from collections.abc import Sequence
from typing import Final

import pytest

from cashback.purchases.model import OPERATOR, KeyBusy, NewUser, Outcome, Recorded, Refused
from cashback.purchases.service.alone import AT_ONCE_MAX
from tests.integration.ledger.world import Dsns, World, buy, new_key
from tests.integration.purchases.holders import held
from tests.integration.purchases.test_busy_keys import waiting_for_a_key
from tests.support.facts import eventually

pytestmark = pytest.mark.invariant("I7")

CROWD: Final = 20
"""More than a process has connections."""


def asked(world: World, keys: Sequence[str]) -> list[asyncio.Task[Outcome]]:
    """Return requests for users, one for each key."""
    return [asyncio.create_task(world.people.create_user(NewUser(owner=OPERATOR, key=key))) for key in keys]


async def few_wait(world: World, most: int) -> None:
    """Return once somebody waits for a key by a connection, and no more than so many do."""

    async def look() -> bool | None:
        return 0 < await waiting_for_a_key(world) <= most or None

    await eventually(look, within_s=4, what="few connections wait for a key")


@pytest.mark.parametrize("keys,most", [(1, 1), (CROWD, AT_ONCE_MAX)], ids=["of-one-key", "of-many-keys"])
async def test_whoever_waits_for_a_held_key_leaves_connections_to_others(
    world: World, dsns: Dsns, keys: int, most: int
) -> None:
    """A purchase is recorded meanwhile; once they are let go of, each key is done once and its repeats are told so."""
    user, merchant = await world.user(), await world.merchant()
    names = [new_key() for _ in range(keys)]
    before = await world.one("select count(*) from purchases.users")
    async with held(dsns, *(buy(user, merchant, key=name, owner=OPERATOR) for name in names)) as holder:
        waiting = asked(world, names * (CROWD // keys))
        await few_wait(world, most)
        assert isinstance(await world.purchases.record_one(buy(user, merchant)), Recorded)
        assert not any(one.done() for one in waiting)
        await holder.rollback()
        outcomes = await asyncio.gather(*waiting)
    done = [one for one in outcomes if isinstance(one, Recorded)]
    assert (len(done), sum(one.is_replay for one in done)) == (CROWD, CROWD - keys)
    assert await world.one("select count(*) from purchases.users") == before + keys


async def test_patience_is_one_for_all_that_is_waited_for(world: World, dsns: Dsns) -> None:
    """Each is told after one of them that its key is busy, whether it had a connection or waited for its turn."""
    user, merchant = await world.user(), await world.merchant()
    names = [new_key() for _ in range(AT_ONCE_MAX + 2)]
    async with held(dsns, *(buy(user, merchant, key=name, owner=OPERATOR) for name in names)):
        async with asyncio.timeout(8):
            outcomes = await asyncio.gather(*asked(world, [*names, *names]))
    assert all(isinstance(one, Refused) and isinstance(one.error, KeyBusy) for one in outcomes)
