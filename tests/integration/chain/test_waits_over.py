"""What a lane waits for is told no longer than something waits for it, also where nothing is left to be signed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
import structlog

from cashback.chain.model import Person
from cashback.processes import adapter
from tests.integration.chain.support import Bench, assembled, mint, running


@pytest.fixture
async def bench(settings: adapter.Settings) -> AsyncIterator[Bench]:
    """Give an adapter with two lanes whose signers may mint; it holds both, and only its follower runs."""
    several = msgspec.structs.replace(settings, key_count=2, connections=10)
    async with assembled(settings) as one:
        for signer in several.signers():
            await one.people.employ(signer.address)
    async with AsyncExitStack() as life:
        bench = await life.enter_async_context(assembled(several))
        await life.enter_async_context(running(bench.adapter.follower.run))
        for lane in bench.adapter.lanes:
            assert await lane._tenure.hold()
            await lane._serve()
        yield bench


async def waits(bench: Bench) -> list[str | None]:
    """Return what each lane says that it waits for."""
    return [row[0] for row in await bench.rows("select waits_for from chain.lanes order by id")]


async def both_wait(bench: Bench) -> None:
    """Have a mint wait, and both lanes say that it is above the minter's limit."""
    await bench.people.limit(capacity=1_000, window_s=86_400)
    await bench.lever.mine()
    await bench.submit(mint(1))
    await bench.ripe()
    for lane in bench.adapter.lanes:
        await lane._serve()
    assert await waits(bench) == ["mint_limit_reached"] * 2


async def test_a_lane_says_nothing_any_more_once_nothing_waits(bench: Bench) -> None:
    """The limit is raised and somebody else has retired the number: neither lane signs, nor waits for anything."""
    await both_wait(bench)
    await bench.people.limit(capacity=10_000_000, window_s=86_400)
    await bench.people.retire_elsewhere(1)
    await bench.lever.mine()
    await bench.settled([1])
    for lane in bench.adapter.lanes:
        await lane._serve()
    assert await waits(bench) == [None, None]
    assert await bench.attempts() == []


async def test_what_the_other_lane_has_signed_is_waited_for_no_more(bench: Bench) -> None:
    """One signs it, the other one finds nothing."""
    await both_wait(bench)
    await bench.people.limit(capacity=10_000_000, window_s=86_400)
    await bench.lever.mine()
    for lane in bench.adapter.lanes:
        await lane._serve()
    assert await waits(bench) == [None, None]
    assert len(await bench.attempts()) == 1


async def test_what_another_lane_is_about_to_take_is_waited_for_still(bench: Bench) -> None:
    """Else each of two lanes would say again and again that it waits, as news."""
    first, second = bench.adapter.lanes
    with structlog.testing.capture_logs() as lines:
        await both_wait(bench)
        for _ in range(3):
            assert await first._intake.sequencer._read() is not None
            await second._serve()
            assert await waits(bench) == ["mint_limit_reached"] * 2
            await first._serve()
            await second._serve()
    assert [line["reason"] for line in lines if line["event"] == "lane.waited"] == ["mint_limit_reached"] * 2


async def test_a_lane_that_takes_nothing_new_waits_for_nothing_new(bench: Bench) -> None:
    """What waits is for the others by now."""
    await both_wait(bench)
    first, _ = bench.settings.signers()
    assert await bench.adapter.rotation.drain(first.address, by=Person("alice"), because="yearly rotation")
    for lane in bench.adapter.lanes:
        await lane._serve()
    assert await waits(bench) == [None, "mint_limit_reached"]
