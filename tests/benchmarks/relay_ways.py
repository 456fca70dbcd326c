"""The ways that `relay` holds against each other: the drainer, its two limits, and the naive one.

| way          | reads | publishes                              | moves cursors    |
|--------------|-------|----------------------------------------|------------------|
| `drained`    | yes   | atomic batches                         | yes              |
| `broker_only`| no    | atomic batches of messages made before | no               |
| `packed`     | no    | atomic batches whose bytes were made before | no          |
| `dropped`    | yes   | nothing                                | yes              |
| `one_by_one` | yes   | one event, awaited, after another      | yes, in batches  |

Each returns events a second from its first read or publication to its last effect; what it reads was committed before.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import psycopg

from cashback.kernel.bus import Bus, Message, pack, publish, publish_packed
from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.outbox.drain import BATCH_MAX, LEASE_TTL_S, Drainer, Row, go_by_index, pending, to_message
from cashback.kernel.outbox.lanes import Lanes
from tests.benchmarks.ground import RELAY, SCHEMA, Ground, published, purchase_event

EVENTS: Final = 50_000
EVENTS_OF_ONE_BY_ONE: Final = 1_500
RELAY_ROLE: Final = "cashback_relay"
_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.01


class Cost(msgspec.Struct):
    """What publishing so many events took, added up over the rounds."""

    events: int = 0
    statements: int = 0
    answers: int = 0

    @property
    def statements_per_event(self) -> float:
        """Return how many statements one event took."""
        return self.statements / self.events

    @property
    def round_trips_per_event(self) -> float:
        """Return how many statements and answers one event took."""
        return (self.statements + self.answers) / self.events


class Ways(msgspec.Struct):
    """Every way on one ground, and what each has cost."""

    ground: Ground
    drainer: Cost = msgspec.field(default_factory=Cost)
    naive: Cost = msgspec.field(default_factory=Cost)
    published_alone: int = 0

    async def drained(self) -> float:
        """Let the real drainer publish what is there."""
        await self.ground.fill(EVENTS)
        return await self._counted(self._drain, EVENTS, self.drainer)

    async def one_by_one(self) -> float:
        """Publish what is there, one awaited acknowledgement after the other."""
        await self.ground.fill(EVENTS_OF_ONE_BY_ONE)
        return await self._counted(self._publish_singly, EVENTS_OF_ONE_BY_ONE, self.naive)

    async def broker_only(self) -> float:
        """Publish what was built beforehand, in atomic batches, without a database."""
        messages = _messages()
        return await self._published_alone(lambda bus: publish(bus, messages))

    async def packed(self) -> float:
        """Send the same batches as bytes that were made beforehand, as the drainer does with a backlog."""
        parcels = list(pack(_messages()))
        return await self._published_alone(lambda bus: publish_packed(bus, parcels))

    async def dropped(self) -> float:
        """Read what is there and move the cursors, and publish nothing."""
        await self.ground.fill(EVENTS)
        async with self.ground.database(RELAY_ROLE, name=RELAY) as database:
            begin_s = monotonic_s()
            await _each_batch(database, _drop)
            took_s = monotonic_s() - begin_s
        return EVENTS / took_s

    async def _published_alone(self, way: Callable[[Bus], Awaitable[None]]) -> float:
        """Return events a second of a way that reads nothing."""
        async with self.ground.bus(RELAY) as bus:
            begin_s = monotonic_s()
            await way(bus)
            took_s = monotonic_s() - begin_s
        self.published_alone += EVENTS
        return EVENTS / took_s

    async def lost_or_doubled(self) -> int:
        """Return by how many the stream differs from what was published, each way together."""
        return await self.ground.stored() - self.drainer.events - self.naive.events - self.published_alone

    async def drained_meanwhile(self, meanwhile: Awaitable[None]) -> None:
        """Let the real drainer publish while something is appended, and until all of it is published."""
        stop = asyncio.Event()
        async with self.ground.relaying() as (database, bus):
            draining = asyncio.create_task(Drainer(database, bus, schema=SCHEMA, holder=RELAY).run(stop))
            await meanwhile
            await self._reached(await self.ground.last_positions(), stop)
            stop.set()
            await draining

    async def _counted(self, way: Callable[[Database, Bus], Awaitable[None]], events: int, cost: Cost) -> float:
        """Return events a second of one way, and add up what it costs."""
        async with self.ground.relaying() as (database, bus):
            statements, answers = await self.ground.statements(RELAY_ROLE), self.ground.answers(RELAY)
            begin_s = monotonic_s()
            await way(database, bus)
            took_s = monotonic_s() - begin_s
            cost.events += events
            cost.statements += await self.ground.statements(RELAY_ROLE) - statements
            cost.answers += self.ground.answers(RELAY) - answers
        return events / took_s

    async def _drain(self, database: Database, bus: Bus) -> None:
        """Let the drainer run until its cursors are behind the last event."""
        stop, goal = asyncio.Event(), await self.ground.last_positions()
        draining = asyncio.create_task(Drainer(database, bus, schema=SCHEMA, holder=RELAY).run(stop))
        await self._reached(goal, stop)
        stop.set()
        await draining

    async def _reached(self, goal: list[int], stop: asyncio.Event) -> None:
        """Return once every cursor is behind `goal`."""
        dsn = self.ground.postgres.dsn("cashback")
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as looking:
            async with asyncio.timeout(_WITHIN_S):
                while await _cursors(looking) != goal:
                    await pause(stop, _LOOK_EVERY_S)

    async def _publish_singly(self, database: Database, bus: Bus) -> None:
        """Publish each event by itself and wait for it."""

        async def publish_each(rows: list[Row]) -> None:
            """Publish one row after the other."""
            for row in rows:
                await publish(bus, [to_message(row)])

        await _each_batch(database, publish_each)


def _messages() -> list[Message]:
    """Return as many new messages as a round has events."""
    return [published(purchase_event()) for _ in range(EVENTS)]


async def _each_batch(database: Database, take: Callable[[list[Row]], Awaitable[None]]) -> None:
    """Read all there is in batches, hand each to `take`, and move the cursors behind it."""
    lanes = Lanes(schema=SCHEMA, holder=RELAY, ttl_s=LEASE_TTL_S)
    async with database.session() as session:
        await go_by_index(session)
        await lanes.acquire(session)
        while rows := await pending(session, schema=SCHEMA, lanes=list(lanes.held.values()), limit=BATCH_MAX):
            await take(rows)
            await lanes.advance(session, {row.partition: row.position for row in rows})
        await lanes.release(session)


async def _drop(rows: list[Row]) -> None:
    """Take rows, and do nothing with them."""
    del rows


async def _cursors(looking: psycopg.AsyncConnection) -> list[int]:
    """Return how far each lane is published."""
    cursor = await looking.execute(f"select position from {SCHEMA}.outbox_cursors order by partition".encode())
    return [row[0] for row in await cursor.fetchall()]
