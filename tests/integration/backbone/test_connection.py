"""The connection to the broker: never in the way at the start, never waited for in vain, replaced for ever."""

import asyncio

import pytest

from cashback.kernel.bus import DEAD_LETTERS, EVENTS, Bus, BusUnavailable, StreamMissing, publish
from cashback.kernel.db import Database
from cashback.kernel.errors import Broken
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.world import event, eventually, to_message

TOLD_WITHIN_S = 20.0
"""Whoever is told at once is told before this; every deadline that could tell instead is set to later."""
LATER_S = 60.0


async def test_a_bus_without_a_broker_opens_at_once_and_refuses_at_once(broker: EmbeddedNats) -> None:
    """A process starts, says that it is not ready, and is ready as soon as the broker is."""
    broker.stop()
    async with asyncio.timeout(TOLD_WITHIN_S) as patience, Bus.connect(broker.url(), name="early") as bus:
        # There is no broker yet: whoever waited for one would wait for ever.
        with pytest.raises(BusUnavailable, match="not connected"):
            await publish(bus, [to_message(event())])
        assert not bus.is_connected
        patience.reschedule(None)
        broker.start()
        assert await bus.wait_connected(at_most_s=10)
        await bus.ping()


async def test_who_waits_for_an_answer_when_the_broker_dies_is_told_at_once(
    bus: Bus, broker: EmbeddedNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after the deadline of the question, nor when the probes have failed."""
    monkeypatch.setattr("cashback.kernel.bus.connection.PROBE_EVERY_S", LATER_S)
    broker.pause()
    asking = asyncio.create_task(bus.ask("$JS.API.INFO", timeout_s=LATER_S))
    await asyncio.sleep(0)
    broker.kill()
    async with asyncio.timeout(TOLD_WITHIN_S):
        with pytest.raises(BusUnavailable):
            await asking


async def test_a_new_connection_is_made_each_time_the_broker_comes_back(bus: Bus, broker: EmbeddedNats) -> None:
    """Three deaths, three returns; each time another link."""
    links = [bus.link]
    for _ in range(3):
        broker.kill()
        await eventually(lambda: _is_lost(bus))
        broker.start()
        assert await bus.wait_connected(at_most_s=10)
        await bus.ping()
        links.append(bus.link)
    assert len(set(links)) == 4


async def test_streams_are_created_as_declared(broker: EmbeddedNats) -> None:
    """Applying them a second time finds nothing to do and nothing different."""
    async with Bus.connect(broker.url(), name="streams") as bus:
        await bus.wait_connected()
        first = await bus.apply_streams()
        second = await bus.apply_streams()
    assert [(report.name, report.created, report.differences) for report in first] == [
        (EVENTS.name, True, ()),
        (DEAD_LETTERS.name, True, ()),
    ]
    assert [(report.created, report.differences) for report in second] == [(False, ()), (False, ())]


async def test_a_stream_that_differs_is_reported_and_left_as_it_is(broker: EmbeddedNats) -> None:
    """An operator may have had reasons."""
    async with Bus.connect(broker.url(), name="streams") as bus:
        await bus.wait_connected()
        await bus.api("STREAM.CREATE.CASHBACK", {"name": "CASHBACK", "subjects": ["cashback.v1.>"], "max_age": 10**10})
        report = (await bus.apply_streams())[0]
        after = await bus.api("STREAM.INFO.CASHBACK")
    assert "max_age is 10000000000, declared 604800000000000" in report.differences
    assert "discard is 'old', declared 'new'" in report.differences
    assert after["config"]["max_age"] == 10**10


async def test_three_servers_hold_each_stream_of_a_cluster_and_one_where_there_is_one(broker: EmbeddedNats) -> None:
    """By what the server says it belongs to: one that is the first of a cluster to be up knows no other yet."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Be a server of a cluster, as far as opening a link goes."""
        writer.write(b'INFO {"cluster":"three","headers":true,"max_payload":1048576}\r\n')
        async for line in reader:
            writer.write(b"PONG\r\n" if line.startswith(b"PING") else b"")
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for url, expected in ((f"nats://127.0.0.1:{port}", 3), (broker.url(), 1)):
            async with Bus.connect(url, name="streams") as bus:
                assert await bus.wait_connected(at_most_s=10)
                assert bus.replicas == expected
            async with Bus.connect(url, name="streams", replicas=5) as bus:
                assert await bus.wait_connected(at_most_s=10)
                assert bus.replicas == 5


async def test_publishing_without_a_stream_says_so(broker: EmbeddedNats) -> None:
    """A fresh broker is told apart from one that is away; alone and in a batch."""
    async with Bus.connect(broker.url(), name="fresh") as bus:
        await bus.wait_connected()
        for count in (1, 10):
            with pytest.raises(StreamMissing):
                await publish(bus, [to_message(event()) for _ in range(count)])


async def test_nobody_talks_to_the_broker_inside_a_transaction(shop: Database, bus: Bus) -> None:
    """Row locks would wait for the network."""
    async with shop.transaction():
        with pytest.raises(Broken, match="inside a transaction"):
            await publish(bus, [to_message(event())])


async def test_a_stream_without_atomic_batches_is_published_to_one_by_one(broker: EmbeddedNats) -> None:
    """As servers before 2.12 are; the order of the whole is kept here, that of each key always."""
    async with Bus.connect(broker.url(), name="old") as bus:
        await bus.wait_connected()
        await bus.api("STREAM.CREATE.CASHBACK", {"name": "CASHBACK", "subjects": ["cashback.v1.>"]})
        events = [event(f"pur_{number % 3}") for number in range(100)]
        await publish(bus, [to_message(one) for one in events])
        await publish(bus, [to_message(one) for one in events])
        state = (await bus.api("STREAM.INFO.CASHBACK"))["state"]
    assert state["messages"] == 100


async def _is_lost(bus: Bus) -> bool:
    """Tell whether there is no connection now."""
    return not bus.is_connected
