"""`relay`: how many events a second the drainer publishes, and in how many round trips, beside awaiting each by itself.

Method. PostgreSQL and NATS with fsync on (`sync_interval: always`). Events are committed to the outbox of `purchases`
as recording does, in transactions of 500; then the real `Drainer` starts and is timed from its start until its cursors
are behind the last one. The reference reads and advances in the same batches over the same kind of session, but waits
for each event's acknowledgement before it sends the next. In turns, seven pairs. Statements are counted by PostgreSQL
(pg_stat_statements, the relay's role), answers by the broker (its connection's outgoing messages): each of
either is a round trip. At the end the stream must hold every event once.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import psycopg

from cashback.events import to_event
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.bus import Bus, publish
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.outbox import Event, append
from cashback.kernel.outbox.drain import BATCH_MAX, Drainer, pending, to_message
from cashback.kernel.outbox.lanes import Lanes
from cashback.kernel.telemetry import trace
from cashback.processes import migrate
from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from cashback.processes.stack import Plan, Ports
from tests.benchmarks.checks import Check, exactly, reported
from tests.benchmarks.pairs import in_turns

SCHEMA: Final = "purchases"
NAME: Final = "bench relay"
EVENTS_OF_OURS: Final = 10_000
EVENTS_OF_THEIRS: Final = 1_500
_WITHIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.01
_SETTINGS: Final = {"shared_preload_libraries": "pg_stat_statements"}


class Cost(msgspec.Struct):
    """What publishing so many events took, added up over the rounds."""

    events: int = 0
    statements: int = 0
    answers: int = 0

    def per_event(self) -> tuple[float, float]:
        """Return statements and round trips per event."""
        return self.statements / self.events, (self.statements + self.answers) / self.events


class Ground(msgspec.Struct, frozen=True):
    """The servers of this benchmark."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    plan: Plan

    async def fill(self, events: int) -> None:
        """Commit so many events to the outbox."""
        async with Database.open(self.plan.dsn(self.postgres, "cashback", "cashback_api"), name="bench") as database:
            for _ in range(events // BATCH_MAX):
                async with database.transaction() as tx:
                    await append(tx, SCHEMA, [_event() for _ in range(BATCH_MAX)])

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Database, Bus]]:
        """Yield the relay's database and a connected bus."""
        dsn = self.plan.dsn(self.postgres, "cashback", "cashback_relay")
        async with Database.open(dsn, name=NAME) as database, Bus.connect(self.nats.url(), name=NAME) as bus:
            await bus.wait_connected()
            await bus.apply_streams()
            yield database, bus

    async def statements(self) -> int:
        """Return how many statements the relay's role has had executed."""
        return int(
            await self._asked(
                """
                select coalesce(sum(calls), 0)
                from pg_stat_statements
                where userid = 'cashback_relay'::regrole
                """
            )
        )

    async def last_positions(self) -> list[int]:
        """Return the position of each lane's last event: where every cursor must get."""
        return list(
            await self._asked(
                f"""
                select array_agg(last order by partition)
                from (select partition, max(position) as last from {SCHEMA}.outbox_events group by partition) as lanes
                """
            )
        )

    def answers(self) -> int:
        """Return how many messages the broker has sent to the relay's present connection."""
        with urllib.request.urlopen(f"{self.nats.monitoring_url}/connz", timeout=5) as page:  # noqa: S310  # our own server
            connections: list[dict[str, Any]] = json.load(page)["connections"]
        return next(int(one["out_msgs"]) for one in connections if one["name"] == NAME)

    async def _asked(self, question: str) -> Any:  # noqa: ANN401  # whatever the question's first column is
        """Return the one value of a question to the superuser's own session."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback")) as connection:
            row = await (await connection.execute(question.encode())).fetchone()
        return row[0] if row else None


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    ours, theirs = Cost(), Cost()
    async with _ground(folder) as ground:

        async def drained() -> float:
            return await _round(ground, _drain, EVENTS_OF_OURS, ours)

        async def one_by_one() -> float:
            return await _round(ground, _publish_singly, EVENTS_OF_THEIRS, theirs)

        pairs = await in_turns(drained, one_by_one)
        async with ground.session() as (_, bus):
            stored = (await bus.api(f"STREAM.INFO.{EVENTS.name}"))["state"]["messages"]
    return [
        reported("drainer", median(pairs.ours), "events/s"),
        reported("awaited one by one", median(pairs.theirs), "events/s"),
        reported("drainer against one by one", pairs.ratio, "times"),
        *_costs("drainer", ours),
        *_costs("one by one", theirs),
        exactly("events lost or doubled", stored - ours.events - theirs.events, "events", expected=0),
    ]


def _costs(name: str, cost: Cost) -> list[Check]:
    """Return what an event cost one way."""
    statements, round_trips = cost.per_event()
    return [
        reported(f"{name}: statements", statements, "per event"),
        reported(f"{name}: round trips", round_trips, "per event"),
    ]


@asynccontextmanager
async def _ground(folder: Path) -> AsyncIterator[Ground]:
    """Yield the servers, migrated."""
    postgres, nats = EmbeddedPostgres(folder / "postgres", settings=_SETTINGS), EmbeddedNats(folder / "nats")
    ground = Ground(postgres, nats, Plan(Ports.free()))
    try:
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(nats.start)
        await asyncio.to_thread(migrate.migrate, ground.plan.migration(postgres), ("cashback",))
        async with await psycopg.AsyncConnection.connect(postgres.dsn("cashback")) as connection:
            await connection.execute("create extension pg_stat_statements")
        yield ground
    finally:
        await asyncio.to_thread(nats.stop)
        await asyncio.to_thread(postgres.stop)


async def _round(
    ground: Ground, way: Callable[[Ground, Database, Bus], Awaitable[None]], events: int, cost: Cost
) -> float:
    """Return events a second of one round: committed first, then published."""
    await ground.fill(events)
    async with ground.session() as (database, bus):
        statements, answers = await ground.statements(), ground.answers()
        begin_s = monotonic_s()
        await way(ground, database, bus)
        took_s = monotonic_s() - begin_s
        cost.events += events
        cost.statements += await ground.statements() - statements
        cost.answers += ground.answers() - answers
    return events / took_s


async def _drain(ground: Ground, database: Database, bus: Bus) -> None:
    """Let the real drainer publish everything there is."""
    stop, goal = asyncio.Event(), await ground.last_positions()
    async with await psycopg.AsyncConnection.connect(ground.postgres.dsn("cashback"), autocommit=True) as looking:
        draining = asyncio.create_task(Drainer(database, bus, schema=SCHEMA, holder=NAME).run(stop))
        async with asyncio.timeout(_WITHIN_S):
            while await _cursors(looking) != goal:
                await pause(stop, _LOOK_EVERY_S)
        stop.set()
        await draining


async def _cursors(looking: psycopg.AsyncConnection) -> list[int]:
    """Return how far each lane is published."""
    cursor = await looking.execute(f"select position from {SCHEMA}.outbox_cursors order by partition".encode())
    return [row[0] for row in await cursor.fetchall()]


async def _publish_singly(ground: Ground, database: Database, bus: Bus) -> None:
    """Publish everything there is, one awaited acknowledgement after the other."""
    del ground
    lanes = Lanes(schema=SCHEMA, holder=NAME, ttl_s=_WITHIN_S)
    async with database.session() as session:
        await lanes.acquire(session)
        while rows := await pending(session, schema=SCHEMA, lanes=list(lanes.held.values()), limit=BATCH_MAX):
            for row in rows:
                await publish(bus, [to_message(row)])
            await lanes.advance(session, {row.partition: row.position for row in rows})
        await lanes.release(session)


def _event() -> Event:
    """Return the event of a recorded purchase."""
    body = PurchaseCreated(
        purchase_id=new_id("pur"),
        merchant_id=new_id("mer"),
        user_id=new_id("usr"),
        amount_minor="1999",
        currency="USD",
        occurred_at=SystemClock().now(),
        cashback_id=new_id("cb"),
    )
    with trace(None) as traceparent:
        return to_event(body, time=SystemClock().now(), traceparent=traceparent)
