"""Three servers as one broker: any of them may be lost, whoever leads, and nothing is lost or doubled."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import nats
import pytest
from structlog.testing import capture_logs

from cashback.kernel.bus import Bus, BusUnavailable, StreamMissing
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from cashback.processes.embedded import EmbeddedNatsCluster
from tests.integration.backbone.cluster import RECOVERS_WITHIN_S, REPLICAS, Load, connected, leader_of, stored_by_key
from tests.integration.backbone.loops import consumer, drainer, has_stored, have_applied
from tests.integration.backbone.world import applied, count_applied, event, eventually, happened, running

DEEP: Final = pytest.mark.deep
NO_JETSTREAM: Final = 10_039
"""What an account is told that may store nothing."""
NOTHING_WITHIN_S: Final = 5.0
WAITS_MAX: Final = 8
"""Two workers, each of which may begin to wait a few times: the broker away, its leader away, and away again."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedNatsCluster]:
    """Give three servers that this test alone uses."""
    with EmbeddedNatsCluster(tmp_path / "cluster", durable=False) as cluster:
        yield cluster


@pytest.mark.parametrize("whose", [pytest.param("", id="stream"), pytest.param("ledger", id="consumer", marks=DEEP)])
@pytest.mark.invariant("I5", "I6")
async def test_a_leader_killed_under_load_loses_and_doubles_nothing(
    cluster: EmbeddedNatsCluster, shop: Database, whose: str
) -> None:
    """Who leads the stream, or the consumer: every event is stored once, in its key's order, and applied once."""
    async with connected(cluster) as bus, connected(cluster, name="other") as other:
        load = Load(shop)
        workers = (consumer(shop, bus), consumer(shop, other))
        with capture_logs() as lines:
            async with running(drainer(shop, bus).run, *(worker.run for worker in workers)):
                async with running(load.run):
                    await _moves_on(shop)
                    victim = cluster.servers[await leader_of(other, whose)]
                    await asyncio.to_thread(victim.kill)
                    await _moves_on(shop)
                    await asyncio.to_thread(victim.start)
                    await eventually(lambda: asyncio.to_thread(cluster.is_well), within_s=RECOVERS_WITHIN_S)
                await eventually(lambda: have_applied(shop, len(load.events)), within_s=RECOVERS_WITHIN_S)
        assert await stored_by_key(bus) == load.by_key()
    assert sorted(await applied(shop)) == sorted(one.id for one in load.events)
    waits = [line for line in lines if line["event"] == "consumer.waits"]
    assert len(waits) <= WAITS_MAX, "between two leaders a worker waits longer and longer, and asks no more than that"


@DEEP
@pytest.mark.invariant("I5")
async def test_two_servers_of_three_serve_and_one_alone_waits(cluster: EmbeddedNatsCluster, shop: Database) -> None:
    """Without a majority nothing is stored, nothing is made anew on one server, and nothing is lost."""
    async with connected(cluster) as bus:
        one, two, _ = cluster.servers.values()
        async with running(drainer(shop, bus).run, consumer(shop, bus).run):
            # A server that has stored nothing yet of a consumer counts for no majority of it when it comes back.
            await happened(shop, first := event())
            await eventually(lambda: have_applied(shop, 1), within_s=RECOVERS_WITHIN_S)
            await eventually(lambda: asyncio.to_thread(cluster.is_well), within_s=RECOVERS_WITHIN_S)
            await asyncio.to_thread(one.kill)
            await happened(shop, second := event())
            await eventually(lambda: have_applied(shop, 2), within_s=RECOVERS_WITHIN_S)
            await asyncio.to_thread(two.kill)
            await happened(shop, third := event())
            assert not await _is_applied_soon(shop, 3)
            await asyncio.to_thread(one.start)
            await eventually(lambda: have_applied(shop, 3), within_s=RECOVERS_WITHIN_S)
        await asyncio.to_thread(two.start)
        assert [report.differences for report in await bus.examine_streams()] == [(), ()]
    assert await applied(shop) == [first.id, second.id, third.id]


@DEEP
async def test_without_a_majority_no_stream_is_made(cluster: EmbeddedNatsCluster) -> None:
    """Not on fewer servers than was said either: who asks is told to wait, and then it is made on three."""
    async with Bus.connect(cluster.url(), name="test", replicas=REPLICAS) as bus:
        _, two, three = cluster.servers.values()
        for server in (two, three):
            await asyncio.to_thread(server.kill)
        assert await bus.wait_connected()
        with pytest.raises(BusUnavailable):
            await bus.apply_streams()
        for server in (two, three):
            await asyncio.to_thread(server.start)
    async with connected(cluster) as bus:
        config = (await bus.api(f"STREAM.INFO.{EVENTS.name}"))["config"]
    assert config["num_replicas"] == REPLICAS


@DEEP
@pytest.mark.invariant("I5", "I6")
async def test_a_leader_that_stands_still_is_left_and_comes_back_to_no_harm(
    cluster: EmbeddedNatsCluster, shop: Database
) -> None:
    """As if the network were cut: the others go on without it, and what it wakes up with counts for nothing."""
    async with connected(cluster) as bus, connected(cluster, name="other") as other:
        load = Load(shop)
        async with running(drainer(shop, bus).run, consumer(shop, other).run):
            async with running(load.run):
                await _moves_on(shop)
                victim = cluster.servers[await leader_of(other)]
                victim.pause()
                await _moves_on(shop)
                victim.resume()
                await _moves_on(shop)
            await eventually(lambda: have_applied(shop, len(load.events)), within_s=RECOVERS_WITHIN_S)
        assert await stored_by_key(bus) == load.by_key()
    assert sorted(await applied(shop)) == sorted(one.id for one in load.events)


@DEEP
@pytest.mark.invariant("I5")
async def test_a_server_that_lost_its_disk_is_given_everything_by_the_others(
    cluster: EmbeddedNatsCluster, shop: Database
) -> None:
    """Empty it is started, and then holds for the others: of two, the one that was empty is enough."""
    async with connected(cluster) as bus, connected(cluster, name="other") as other:
        load = Load(shop)
        async with running(drainer(shop, bus).run):
            await load.append()
            await eventually(lambda: has_stored(bus, len(load.events)))
            victim, second = (cluster.servers[name] for name in sorted(cluster.servers)[:2])
            await asyncio.to_thread(victim.kill)
            victim.wipe()
            await load.append()
            await asyncio.to_thread(victim.start)
            await eventually(lambda: asyncio.to_thread(cluster.is_well), within_s=RECOVERS_WITHIN_S)
            await asyncio.to_thread(second.kill)
            await load.append()
            async with running(consumer(shop, other).run):
                await eventually(lambda: have_applied(shop, len(load.events)), within_s=RECOVERS_WITHIN_S)
        assert await stored_by_key(other) == load.by_key()


async def test_who_sees_the_servers_sees_no_event_and_the_other_way_round(cluster: EmbeddedNatsCluster) -> None:
    """Two accounts: not even the administrator of the streams is told of the servers, nor their watcher of a stream."""
    async with connected(cluster) as bus:
        with pytest.raises(StreamMissing):
            await bus.ask("$SYS.REQ.SERVER.PING")
    line = await nats.connect(cluster.system_url.split(","), allow_reconnect=False)
    answer = await line.request("$SYS.REQ.SERVER.PING", timeout=10)
    assert msgspec.json.decode(answer.data)["server"]["cluster"] == "cashback"
    refusal = await line.request(f"$JS.API.STREAM.INFO.{EVENTS.name}", timeout=10)
    assert msgspec.json.decode(refusal.data)["error"]["err_code"] == NO_JETSTREAM
    await line.close()


async def _is_applied_soon(database: Database, count: int) -> bool:
    """Tell whether there come to be so many effects while one may well wait for them."""
    try:
        await eventually(lambda: have_applied(database, count), within_s=NOTHING_WITHIN_S)
    except TimeoutError:
        return False
    return True


async def _moves_on(database: Database) -> None:
    """Return once more events were applied than when this was called, which no outage of one server may prevent."""
    before = await count_applied(database)

    async def look() -> bool:
        """Tell whether there are more."""
        return await count_applied(database) > before + 100

    await eventually(look, within_s=RECOVERS_WITHIN_S)
