"""Commands in no batch whose keys another process holds: whoever waits for them leaves connections to others (I7)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import msgspec
import pytest

from cashback.kernel.db import Database, Tx
from cashback.kernel.money import Bps, Minor, TokenRate
from cashback.purchases import Programmes
from cashback.purchases.model import OPERATOR, KeyBusy, KeyReused, NewUser, Outcome, ProgrammeStart, Recorded, Refused
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


class Watched:
    """A database that knows how many transactions were open at a time."""

    def __init__(self, database: Database) -> None:
        """Stand in front of `database`."""
        self._database = database
        self.most = self._open = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a transaction that is counted while it is open, or waits for a connection."""
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            async with self._database.transaction() as tx:
                yield tx
        finally:
            self._open -= 1


async def test_repeats_of_what_the_world_is_asked_about_first_have_one_connection(world: World) -> None:
    """At once, of a programme's start: neither looking its key up nor doing it takes one for each of them."""
    watched = Watched(world.api)
    programmes = Programmes(cast("Database", watched), clock=world.clock)
    terms: dict[str, Any] = {"name": "of a crowd", "currency": "CHF", "rate": Bps(100), "token_rate": TokenRate(1, 1)}
    start = ProgrammeStart(owner=OPERATOR, key=new_key(), budget=Minor(1), **terms)
    outcomes = await asyncio.gather(*[programmes.create(start) for _ in range(CROWD)])
    done = [one for one in outcomes if isinstance(one, Recorded)]
    assert (len(done), sum(one.is_replay for one in done)) == (CROWD, CROWD - 1)
    assert watched.most == 1
    assert isinstance(other := await programmes.create(msgspec.structs.replace(start, rate=Bps(200))), Refused)
    assert isinstance(other.error, KeyReused)


async def test_patience_is_one_for_all_that_is_waited_for(world: World, dsns: Dsns) -> None:
    """Each is told after one of them that its key is busy, whether it had a connection or waited for its turn."""
    user, merchant = await world.user(), await world.merchant()
    names = [new_key() for _ in range(AT_ONCE_MAX + 2)]
    async with held(dsns, *(buy(user, merchant, key=name, owner=OPERATOR) for name in names)):
        async with asyncio.timeout(8):
            outcomes = await asyncio.gather(*asked(world, [*names, *names]))
    assert all(isinstance(one, Refused) and isinstance(one.error, KeyBusy) for one in outcomes)
