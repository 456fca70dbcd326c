"""The cursor of the outcomes: it goes on as outcomes are applied, is set back by a person, and is never ahead."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from psycopg_pool import AsyncConnectionPool

from cashback.kernel.db import Database, Tx
from cashback.kernel.refusals import Refusal
from cashback.minting import Cursor, Follower, Halts, Readings
from cashback.minting.model import CursorAhead
from cashback.minting.service import follower as following
from cashback.minting.service.follower import LEASE_TTL_S
from tests.integration.minting.world import World, dsn_of, eventually, request, running


async def accepted(world: World, *numbers: int) -> None:
    """Take requests in and have the adapter accept them."""
    await world.take(*(request(number) for number in numbers))
    while await world.submitter().submit_due():
        pass


async def test_a_follower_whose_cursor_was_set_back_applies_nothing_more_from_where_it_was(world: World) -> None:
    """Otherwise the cursor would jump over what is to be read again."""
    await world.mint(1)
    await accepted(world, 2)
    follower = world.follower()
    token = await follower.acquire()
    assert token is not None
    world.fake.mint()
    batch = await world.told()
    world.execute("update minting.outcome_cursor set sequence = 0, number = 0")
    assert not await follower.apply(token, batch)
    assert await world.states() == {1: "minted", 2: "accepted"}
    assert await Readings(world.auditor).cursor() == Cursor(world.fake.epoch, 0)


class LateRenewals(Database):
    """A database as ever, only that the follower's renewals hear of their commit no sooner than they may."""

    def __init__(self, pool: AsyncConnectionPool[Tx], refusal: Refusal | None = None) -> None:
        """Keep nobody waiting yet."""
        super().__init__(pool, refusal)
        self.heard = 0
        self.is_waiting = asyncio.Event()
        self.may_hear = asyncio.Event()
        self.may_hear.set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a transaction."""
        async with super().transaction() as tx:
            yield tx
        if "_renew" in repr(asyncio.current_task()):
            if not self.may_hear.is_set():
                self.is_waiting.set()
            await self.may_hear.wait()
            self.heard += 1


async def test_an_application_beside_a_renewal_is_no_cursor_that_was_set_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal read the cursor before the application moved it: the same stream goes on."""
    monkeypatch.setattr(following, "RENEW_S", 0.01)
    await accepted(world, 1, 2)
    async with LateRenewals.open(dsn_of("minting_worker", world.dsn), name="minting") as database:
        assert isinstance(database, LateRenewals)
        follower = Follower(database, world.adapter, world.clock, holder="worker_1")
        async with running(follower.run):
            world.fake.mint([1])
            await eventually(lambda: _is_at(follower, 1))
            database.may_hear.clear()
            async with asyncio.timeout(LEASE_TTL_S):
                await database.is_waiting.wait()
            world.fake.mint([2])
            await eventually(lambda: _is_at(follower, 2))
            heard = database.heard
            database.may_hear.set()
            await eventually(lambda: _has_heard(database, heard + 2))
    assert world.fake.watches == 1


async def _is_at(follower: Follower, sequence: int) -> bool:
    """Tell whether a follower has applied everything up to a sequence."""
    return follower._at.sequence == sequence


async def _has_heard(database: LateRenewals, count: int) -> bool:
    """Tell whether so many renewals have heard of their commit."""
    return database.heard >= count


@pytest.mark.invariant("I5")
async def test_a_cursor_ahead_of_the_stream_halts_minting_until_the_outcomes_are_read_again(world: World) -> None:
    """I5: the adapter was restored from a backup, and would tell the next outcomes where minting has read already."""
    await world.mint(1, 2, 3)
    await accepted(world, 4)
    world.fake.restore(1)
    async with running(world.follower().run, world.submitter().run):
        await eventually(lambda: _is_halted(world))
        await world.take(request(5))
        world.fake.mint([4])
        assert await world.states() == {1: "minted", 2: "minted", 3: "minted", 4: "accepted", 5: "requested"}
        assert await world.halts() == [("cursor_ahead", 0, "")]
        await Halts(world.operator).lift(by="alice", because="the cause is mended")
        await eventually(lambda: _knows(world, 5))
        world.fake.mint([5])
        await eventually(lambda: _are_minted(world, 5))
    assert await Readings(world.auditor).cursor() == Cursor(world.fake.epoch, 3, 5)
    assert [event["mint_number"] for event in await world.events()] == ["1", "2", "3", "4", "5"]


@pytest.mark.invariant("I5")
async def test_a_stream_that_was_restored_and_has_grown_past_the_cursor_halts_minting(world: World) -> None:
    """I5: its sequences are long enough again, but stand for other outcomes, which would never be seen."""
    await world.mint(1, 2, 3)
    world.fake.restore(1)
    await accepted(world, 4, 5, 6)
    world.fake.mint([6, 5, 4])
    async with running(world.follower().run):
        await eventually(lambda: _is_halted(world))
        assert await world.halts() == [("cursor_foreign", 0, "")]
        assert await world.states() == dict.fromkeys([1, 2, 3], "minted") | dict.fromkeys([4, 5, 6], "accepted")
        await Halts(world.operator).lift(by="alice", because="the chain database was restored")
        await eventually(lambda: _are_minted(world, 6))
    assert await Readings(world.auditor).cursor() == Cursor(world.fake.epoch, 4, 6)


async def test_a_zombie_halts_nothing_by_a_cursor_that_is_no_longer_its_own(world: World) -> None:
    """Whoever follows by now has read further, or has set it back."""
    await world.mint(1, 2)
    zombie = world.follower()
    token = await zombie.acquire()
    assert token is not None
    world.fake.restore(1)
    world.execute("update minting.outcome_cursor set sequence = 0, number = 0")
    with pytest.raises(CursorAhead):
        await zombie._read(token)
    assert await world.halts() == []


async def _is_halted(world: World) -> bool:
    """Tell whether a halt is open."""
    return bool(await world.halts())


async def _knows(world: World, number: int) -> bool:
    """Tell whether the adapter has a number."""
    return number in world.fake.known


async def _are_minted(world: World, count: int) -> bool:
    """Tell whether so many mints are minted, and no other is known."""
    return list((await world.states()).values()) == ["minted"] * count
