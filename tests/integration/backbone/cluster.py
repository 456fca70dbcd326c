"""What the tests of three servers ask of them, and a load that goes on while one of them dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from cashback.kernel.bus import Bus, BusUnavailable
from cashback.kernel.bus.message import EVENT_ID, EVENT_KEY
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.db import Database
from cashback.kernel.outbox import Event
from cashback.processes.embedded import EmbeddedNatsCluster
from tests.integration.backbone.world import event, eventually, happened, headers_of
from tests.support.facts import pause

REPLICAS: Final = 3
RECOVERS_WITHIN_S: Final = 30.0
KEYS: Final = 20
AT_ONCE: Final = 64
BEAT_S: Final = 0.05


@asynccontextmanager
async def connected(cluster: EmbeddedNatsCluster, *, name: str = "test") -> AsyncIterator[Bus]:
    """Yield the administrator's bus to all three servers, with streams on each of them."""
    async with Bus.connect(cluster.url(), name=name, replicas=REPLICAS) as bus:
        assert await bus.wait_connected()
        await eventually(lambda: _have_streams(bus))
        yield bus


async def _have_streams(bus: Bus) -> bool:
    """Tell whether the streams are there as declared, making them if need be."""
    try:
        return not any(report.differences for report in await bus.apply_streams())
    except BusUnavailable:
        return False


async def leader_of(bus: Bus, consumer: str = "") -> str:
    """Return which server leads the stream of events, or one of its consumers, once one does."""
    found: list[str] = []

    async def look() -> bool:
        """Ask, and keep the name."""
        verb = f"CONSUMER.INFO.{EVENTS.name}.{consumer}" if consumer else f"STREAM.INFO.{EVENTS.name}"
        try:
            found.append((await bus.api(verb))["cluster"].get("leader", ""))
        except BusUnavailable:
            return False
        return bool(found[-1])

    await eventually(look, within_s=RECOVERS_WITHIN_S)
    return found[-1]


class Load:
    """Events committed to the outbox one batch after the other, each with its place among those of its key."""

    def __init__(self, database: Database, *, batch: int = 20) -> None:
        """Append nothing yet."""
        self.events: list[Event] = []
        self._database = database
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Append a batch each beat until told to stop; the outbox is what accepts, whatever the broker does."""
        while not stop.is_set():
            await self.append()
            await pause(BEAT_S)

    async def append(self) -> None:
        """Commit one batch of events, and remember them in the order of their commit."""
        first = len(self.events)
        fresh = [event(f"pur_{number % KEYS}") for number in range(first, first + self._batch)]
        await happened(self._database, *fresh)
        self.events += fresh

    def by_key(self) -> dict[str, list[str]]:
        """Return the ids of the events of each key, in the order of their commit."""
        return _by_key([(one.key, one.id) for one in self.events])


async def stored_by_key(bus: Bus) -> dict[str, list[str]]:
    """Return the ids of the events of each key, in the order in which the stream holds them."""
    last = int((await bus.api(f"STREAM.INFO.{EVENTS.name}"))["state"]["last_seq"])
    found: list[tuple[str, str]] = []
    for first in range(1, last + 1, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, last + 1))
        answers = await asyncio.gather(*(_get(bus, number) for number in numbers))
        found += [(headers[EVENT_KEY], headers[EVENT_ID]) for headers in map(headers_of, answers)]
    return _by_key(found)


async def _get(bus: Bus, sequence: int) -> dict[str, Any]:
    """Return one stored message as the API shows it."""
    message: dict[str, Any] = (await bus.api(f"STREAM.MSG.GET.{EVENTS.name}", {"seq": sequence}))["message"]
    return message


def _by_key(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what belongs to each key, in the order given."""
    keys: dict[str, list[str]] = {}
    for key, id_ in pairs:
        keys.setdefault(key, []).append(id_)
    return keys
