"""A loop that one process at a time turns: others stand by, and go on as soon as it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from cashback.kernel.errors import Broken, Unavailable
from cashback.ledger.service import Fence, Leased
from tests.integration.ledger.world import World
from tests.support.facts import eventually

WITHIN_S = 30.0
RECOVERED_WITHIN_S = 10.0
"""How soon what a dead process did is done by another one."""

Turn = Callable[[Fence], Awaitable[bool]]


def loop_of(world: World, holder: str, turn: Turn) -> Leased:
    """Return a loop that hardly ever pauses."""
    return Leased(world.worker, name="of-a-test", holder=holder, every_s=0.01, turn=turn)


async def test_one_turns_and_the_next_goes_on_at_once_when_it_stops(world: World) -> None:
    """A lease lasts a while, but whoever stops gives it back."""
    turns: list[str] = []

    def turning(holder: str) -> Turn:
        """Return a turn that notes whose it is."""

        async def work(fence: Fence) -> bool:
            turns.append(holder)
            return len(turns) % 2 == 1

        return work

    async def have_turned(holder: str) -> bool | None:
        """Tell whether so many turns of one holder were taken."""
        return True if turns.count(holder) >= 5 else None

    stops = {holder: asyncio.Event() for holder in ("one", "two")}
    first = asyncio.create_task(loop_of(world, "one", turning("one")).run(stops["one"]))
    await eventually(lambda: have_turned("one"), within_s=WITHIN_S, what="the first turns")
    second = asyncio.create_task(loop_of(world, "two", turning("two")).run(stops["two"]))
    many = len(turns)

    async def have_gone_on() -> bool | None:
        """Tell whether the other one turns."""
        return True if len(turns) > many + 10 else None

    await eventually(have_gone_on, within_s=WITHIN_S, what="the first goes on")
    assert set(turns) == {"one"}
    stops["one"].set()
    await first
    await eventually(lambda: have_turned("two"), within_s=WITHIN_S, what="the second goes on")
    stops["two"].set()
    await second
    assert await world.one("select expires_at <= clock_timestamp() from ledger.leases")


@pytest.mark.deep
async def test_what_a_killed_worker_turned_is_soon_turned_by_another_one(world: World) -> None:
    """It gave nothing back: its lease runs out."""
    dead = await loop_of(world, "dead", never).acquire()
    assert dead is not None
    turns: list[int] = []

    async def work(fence: Fence) -> bool:
        turns.append(fence.token)
        return False

    async def have_turned() -> bool | None:
        """Tell whether the other one turns."""
        return True if turns else None

    stop = asyncio.Event()
    running = asyncio.create_task(loop_of(world, "heir", work).run(stop))
    await eventually(have_turned, within_s=RECOVERED_WITHIN_S, what="the heir turns")
    stop.set()
    await running
    assert turns[0] > dead.token


@pytest.mark.deep
async def test_a_turn_that_takes_long_keeps_its_lease(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes thrice as long as a lease lasts, and its last transaction is still its own to commit."""
    monkeypatch.setattr("cashback.ledger.service.leased.LEASE_TTL_S", 1.0)
    monkeypatch.setattr("cashback.ledger.service.leased.RENEW_S", 0.2)
    enough = asyncio.Event()
    turned: list[str] = []

    async def long(fence: Fence) -> bool:
        """Take a turn that lasts beyond the lease."""
        if not enough.is_set():
            await enough.wait()
            async with world.worker.transaction() as tx:
                await fence.keep(tx)
            turned.append("long")
        return False

    async def other(_: Fence) -> bool:
        """Take a turn beside it."""
        turned.append("other")
        return False

    async def is_held() -> bool | None:
        """Tell whether somebody has the lease."""
        return True if await world.one("select count(*) from ledger.leases where name = 'of-a-test'") else None

    stop = asyncio.Event()
    first = asyncio.create_task(loop_of(world, "one", long).run(stop))
    await eventually(is_held, within_s=WITHIN_S, what="the first turns")
    began = await world.one("select clock_timestamp()")

    async def is_long_ago() -> bool | None:
        """Tell whether three leases would have run out."""
        return (await world.one("select clock_timestamp()")) - began > timedelta(seconds=3) or None

    second = asyncio.create_task(loop_of(world, "two", other).run(stop))
    await eventually(is_long_ago, within_s=WITHIN_S, what="it takes long")
    enough.set()

    async def have_turned() -> bool | None:
        """Tell whether somebody came to an end."""
        return True if turned else None

    await eventually(have_turned, within_s=WITHIN_S, what="a turn ends")
    stop.set()
    await asyncio.gather(first, second)
    assert turned[0] == "long"


async def never(_: Fence) -> bool:
    """Be no turn at all: who has it is dead."""
    return False


async def test_what_fails_for_now_is_tried_again(world: World) -> None:
    """A database or adapter that does not answer ends nothing."""
    tries: list[int] = []

    async def work(fence: Fence) -> bool:
        tries.append(fence.token)
        raise Unavailable("nobody answers")

    async def have_tried() -> bool | None:
        """Tell whether it was tried again."""
        return True if len(tries) > 3 else None

    stop = asyncio.Event()
    running = asyncio.create_task(loop_of(world, "one", work).run(stop))
    await eventually(have_tried, within_s=WITHIN_S, what="it is tried again")
    stop.set()
    await running
    assert len(set(tries)) == 1


async def test_a_broken_invariant_ends_the_loop(world: World) -> None:
    """Nothing goes on until a person has looked; and the lease is free for whoever starts then."""

    async def work(fence: Fence) -> bool:
        raise Broken("what cannot be is")

    with pytest.raises(Broken):
        await loop_of(world, "one", work).run(asyncio.Event())
    assert await world.one("select expires_at <= clock_timestamp() from ledger.leases")
