"""A loop that one process at a time turns: others stand by, and go on as soon as it ends."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cashback.kernel.errors import Broken, Unavailable
from cashback.ledger.service import Fence, Leased
from tests.integration.ledger.world import World
from tests.support.facts import eventually

WITHIN_S = 30.0

Turn = Callable[[Fence], Awaitable[bool]]


def loop_of(world: World, holder: str, turn: Turn) -> Leased:
    """Return a loop that hardly ever pauses."""
    return Leased(world.worker, name="of-a-test", holder=holder, every_s=0.01, turn=turn)


async def test_one_turns_and_the_next_goes_on_at_once_when_it_stops(world: World) -> None:
    """A lease lasts a minute, but whoever stops gives it back."""
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
