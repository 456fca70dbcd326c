"""The bus on uvloop, on which our processes run: it refuses what asyncio's own loop lets pass."""

import asyncio
from typing import Any

import pytest
import uvloop

from cashback.kernel.bus import Bus, BusUnavailable
from cashback.processes.embedded import EmbeddedNats


def test_a_socket_that_closed_before_nats_py_noticed_is_a_lost_connection_and_is_replaced(broker: EmbeddedNats) -> None:
    """Whoever writes is told that the broker is unavailable, and what nats-py still has to write ends nobody's life."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(write_to_a_closed_socket(broker))


async def write_to_a_closed_socket(broker: EmbeddedNats) -> None:
    """Close the socket under a connection, write to it, and see another connection take its place."""
    async with Bus.connect(broker.url(), name="test") as bus:
        await bus.wait_connected()
        link = bus.link
        await close_unnoticed(link._wire)
        with pytest.raises(BusUnavailable):
            await link.send([b"PING\r\n"])
        link._wire._pending, link._wire._pending_data_size = [b"PING\r\n"], 6
        assert await bus.wait_connected(at_most_s=5)
        assert bus.link is not link
        await bus.ping()


async def close_unnoticed(wire: Any) -> None:  # noqa: ANN401 - nats-py's insides have no types
    """Close the socket of a client that is not reading just now."""
    wire._reading_task.cancel()
    await asyncio.sleep(0)
    wire._transport._io_writer.transport.abort()
    for _ in range(3):
        await asyncio.sleep(0)
