"""`cashback replay` told to end half way: it says how far it came, leaves nothing, and a second run completes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.cli.command import EXIT_INTERRUPTED
from cashback.events.minting import TokenMinted
from cashback.kernel.bus import Bus, event_message, publish
from cashback.kernel.bus.message import REPLAY_OF
from cashback.kernel.bus.packing import BATCH_MAX
from cashback.kernel.bus.replay import INACTIVE_S
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import SystemClock
from cashback.processes.embedded import EmbeddedNats
from tests.integration.backbone.world import count_stored, headers_of
from tests.integration.cli.launch import Launched, launched
from tests.support.facts import eventually
from tests.support.nats_proxy import NatsProxy, Weather

COUNT: Final = 2 * BATCH_MAX
SLOW: Final = Weather(delay_s=0.3)
WITHIN_S: Final = 30.0
ENDS_WITHIN_S: Final = 10.0
"""Ctrl-C cancels; what hangs on the broker then is the connection's polite end alone, a second at most."""

pytestmark = pytest.mark.deep


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[tuple[EmbeddedNats, Bus]]:
    """Give a broker whose stream holds two batches of events, and a connection to it."""
    with EmbeddedNats(folder, durable=False) as server:
        async with Bus.connect(server.url(), name="test") as bus:
            await bus.wait_connected()
            await bus.apply_streams()
            events = [
                event_message(
                    id=f"evt_{number}",
                    type=TokenMinted.TYPE,
                    source="/test",
                    key=f"cb_{number % 100}",
                    time=SystemClock().now(),
                    traceparent=None,
                    partition=0,
                    data=b"{}",
                )
                for number in range(COUNT)
            ]
            await publish(bus, events)
            yield server, bus


async def half_way(bus: Bus, running: Launched) -> None:
    """Return once some events were published again, and not all."""

    async def look() -> bool | None:
        assert running.process.poll() is None, running.said
        return True if await count_stored(bus) > COUNT else None

    await eventually(look, within_s=WITHIN_S, what="some events are published again", every_s=0.01)


async def readers(bus: Bus) -> set[tuple[bool, int]]:
    """Return of each consumer of the stream whether it is in memory alone, and when it is forgotten (ns)."""
    found = (await bus.api(f"CONSUMER.LIST.{EVENTS.name}"))["consumers"]
    return {(one["config"].get("mem_storage", False), one["config"].get("inactive_threshold", 0)) for one in found}


async def originals(bus: Bus, *, since: int) -> list[str]:
    """Return of which sequence each message from the given one on is a replay."""
    messages = [
        (await bus.api(f"STREAM.MSG.GET.{EVENTS.name}", {"seq": number}))["message"]
        for number in range(since, await count_stored(bus) + 1)
    ]
    return [headers_of(message)[REPLAY_OF] for message in messages]


@pytest.mark.invariant("I5")
@pytest.mark.parametrize("hangs", [False, True])
async def test_a_replay_interrupted_half_way_leaves_nothing_and_a_second_run_completes(
    tmp_path: Path, hangs: bool
) -> None:
    """Whether the broker still answers it or not. Nothing of the first run is counted in the second.

    What is left of it is its reader, in the broker's memory, which forgets it half a minute after its last use.
    """
    async with filled(tmp_path / "nats") as (server, bus), NatsProxy.before(server.url()) as proxy:
        proxy.weather = SLOW
        settings = {"CASHBACK_NATS_URL": proxy.url(server.url())}
        with launched(tmp_path / "home", "replay", settings=settings) as running:
            await half_way(bus, running)
            if hangs:
                proxy.part()
            running.tell(signal.SIGINT)
            assert await asyncio.to_thread(running.ended, within_s=ENDS_WITHIN_S) == EXIT_INTERRUPTED, running.said
            assert running.survivors() == []
            assert list(running.scratch.iterdir()) == []
            assert f" of {COUNT:,} events were published again; repeat the command" in running.said
            assert running.said.endswith("cashback: interrupted\n")
            assert "Traceback" not in running.said
        proxy.heal()
        assert COUNT < await count_stored(bus) < 2 * COUNT
        assert await readers(bus) <= {(True, INACTIVE_S * 10**9)}
        before = await count_stored(bus)
        settings = {"CASHBACK_NATS_URL": server.url()}
        with launched(tmp_path / "second", "replay", "--json", settings=settings) as running:
            assert await asyncio.to_thread(running.ended) == 0, running.said
            assert msgspec.json.decode(running.printed)["events"] == COUNT
        assert await originals(bus, since=before + 1) == [str(place + 1) for place in range(COUNT)]
