"""The whole system on three NATS servers: each is killed once, and one stands still, under load."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from cashback.kernel.bus import Bus
from tests.chaos.verdict import assert_nothing_lost_or_doubled
from tests.support.brokers import ClusterSystem, cluster_system
from tests.support.load import Load
from tests.support.recovery import RECOVERS_SERVER_WITHIN_S, recovered

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, anvil_program: Path) -> Iterator[ClusterSystem]:
    """Give a system of its own; a test leaves it running and drained."""
    with cluster_system(tmp_path_factory.mktemp("cluster"), anvil_program) as system:
        yield system


@pytest.mark.invariant("I2", "I4", "I5")
async def test_each_server_killed_in_turn_under_load_loses_and_doubles_nothing(
    system: ClusterSystem, chance: random.Random
) -> None:
    """Whoever led what: two of three go on within half a minute, and the third is in step before the next is killed."""
    async with Load.on(system) as load:
        for name in chance.sample(list(system.brokers.servers), k=len(system.brokers.servers)):
            await load.goes_on(chance.randint(10, 60))
            async with recovered(system, load, within_s=RECOVERS_SERVER_WITHIN_S, what=f"kill -9 of broker {name}"):
                await asyncio.to_thread(system.brokers.servers[name].kill)
            await load.goes_on(chance.randint(10, 200))
            await asyncio.to_thread(system.brokers.servers[name].start)
            await system.brokers.are_well()
    await assert_nothing_lost_or_doubled(system, load)
    said = [server.log.read_text() for server in system.brokers.servers.values()]
    assert all(said)
    assert not any("Violation" in one for one in said), "a process asked for what it may not, to go on after a fault"


@pytest.mark.invariant("I2", "I4", "I5")
async def test_a_server_that_stands_still_and_comes_back_loses_and_doubles_nothing(
    system: ClusterSystem, chance: random.Random
) -> None:
    """The one that leads the stream: paused for longer than an election, it wakes up believing that it leads."""
    async with Bus.connect(system.brokers.url(), name="test") as bus:
        await bus.wait_connected()
        leader = (await bus.api("STREAM.INFO.CASHBACK"))["cluster"]["leader"]
    async with Load.on(system) as load:
        await load.goes_on(chance.randint(10, 60))
        async with recovered(system, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a leader that stands still"):
            await asyncio.to_thread(system.brokers.servers[leader].pause)
        await load.goes_on(400)
        async with recovered(system, load, within_s=RECOVERS_SERVER_WITHIN_S, what="a leader that came back"):
            system.brokers.servers[leader].resume()
        await load.goes_on(20)
        await system.brokers.are_well()
    await assert_nothing_lost_or_doubled(system, load)
