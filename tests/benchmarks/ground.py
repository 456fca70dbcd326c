"""The ground of the backbone's benchmarks: PostgreSQL and NATS with fsync on, migrated, and what each was asked.

Statements are counted by PostgreSQL (pg_stat_statements, by role), answers by the broker (outgoing messages of a
connection): each of either is a round trip.
"""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from cashback.events import to_event
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.bus import Bus, Message, event_message
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.outbox import Event, append, partition_of
from cashback.kernel.telemetry import trace
from cashback.processes import migrate
from cashback.processes.embedded import HOST, EmbeddedNats, EmbeddedNatsCluster, EmbeddedPostgres
from cashback.processes.stack import Plan, Ports

SCHEMA: Final = "purchases"
RELAY: Final = "bench relay"
APPENDED_TOGETHER: Final = 500
IN_FLIGHT_MAX: Final = 1_000
_SETTINGS: Final = {"shared_preload_libraries": "pg_stat_statements", "track_commit_timestamp": "on"}


class Ground(msgspec.Struct, frozen=True):
    """The servers of a benchmark."""

    postgres: EmbeddedPostgres
    nats: EmbeddedNats | EmbeddedNatsCluster
    plan: Plan

    @property
    def servers(self) -> Sequence[EmbeddedNats]:
        """Return the broker's servers."""
        return list(self.nats.servers.values()) if isinstance(self.nats, EmbeddedNatsCluster) else [self.nats]

    def settings(self, process: str) -> dict[str, str]:
        """Return the variables of one process, which knows every server of the broker."""
        urls = ",".join(f"nats://{HOST}:{server.port}" for server in self.servers)
        own = self.plan.settings(process, postgres=self.postgres, nats=self.servers[0], chain={})
        return own | {"CASHBACK_NATS_URL": urls}

    async def fill(self, events: int) -> None:
        """Commit so many events to the outbox, as recording does, `APPENDED_TOGETHER` a transaction."""
        async with self.database("cashback_api") as database:
            for _ in range(events // APPENDED_TOGETHER):
                async with database.transaction() as tx:
                    await append(tx, SCHEMA, [purchase_event() for _ in range(APPENDED_TOGETHER)])

    async def append_paced(self, events: int, *, per_second: int) -> None:
        """Append so many events, each in its own transaction when it is due, however long the one before takes.

        On a machine that cannot keep up `IN_FLIGHT_MAX` are on their way at once, and the rest is late.
        """
        begin, begin_s, never = datetime.now(UTC), monotonic_s(), asyncio.Event()
        free = asyncio.Semaphore(IN_FLIGHT_MAX)
        async with self.database("cashback_api") as database, asyncio.TaskGroup() as tasks:
            for place in range(events):
                due_s = place / per_second
                await pause(never, max(begin_s + due_s - monotonic_s(), 0))
                await free.acquire()
                appending = tasks.create_task(_append_one(database, begin + timedelta(seconds=due_s)))
                appending.add_done_callback(lambda _: free.release())

    def database(self, role: str, *, name: str = "bench") -> Any:  # noqa: ANN401  # what Database.open returns
        """Return a pool of one role of the database `cashback`, to be entered."""
        return Database.open(self.plan.dsn(self.postgres, "cashback", role), name=name)

    @asynccontextmanager
    async def bus(self, name: str) -> AsyncIterator[Bus]:
        """Yield a connected bus whose streams are there."""
        async with Bus.connect(self.nats.url(), name=name) as bus:
            await bus.wait_connected()
            await bus.apply_streams()
            yield bus

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[tuple[Database, Bus]]:
        """Yield the relay's database and its bus."""
        async with self.database("cashback_relay", name=RELAY) as database, self.bus(RELAY) as bus:
            yield database, bus

    @asynccontextmanager
    async def old_snapshot(self) -> AsyncIterator[None]:
        """Hold a snapshot open in another session: what is deleted or changed meanwhile, no vacuum removes."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback")) as connection:
            await connection.execute("set transaction isolation level repeatable read")
            await connection.execute("select count(*) from pg_class")
            yield

    async def statements(self, role: str) -> int:
        """Return how many statements a role has had executed."""
        return int(
            await self.asked(
                f"""
                select coalesce(sum(calls), 0)
                from pg_stat_statements
                where userid = '{role}'::regrole
                """
            )
        )

    async def last_positions(self) -> list[int]:
        """Return the position of each lane's last event: where every cursor must get."""
        return list(
            await self.asked(
                f"""
                select array_agg(last order by partition)
                from (select partition, max(position) as last from {SCHEMA}.outbox_events group by partition) as lanes
                """
            )
        )

    def answers(self, name: str) -> int:
        """Return how many messages the broker has sent to the present connection of that name."""
        connections = (one for server in self.servers for one in _connections(server))
        return next(int(one["out_msgs"]) for one in connections if one["name"] == name)

    async def stored(self) -> int:
        """Return how many events the stream holds."""
        async with self.bus("bench count") as bus:
            return int((await bus.api(f"STREAM.INFO.{EVENTS.name}"))["state"]["messages"])

    async def asked(self, question: str) -> Any:  # noqa: ANN401  # whatever the question's first column is
        """Return the one value of a question to the superuser's own session."""
        async with await psycopg.AsyncConnection.connect(self.postgres.dsn("cashback")) as connection:
            row = await (await connection.execute(question.encode())).fetchone()
        return row[0] if row else None


def _connections(server: EmbeddedNats) -> list[dict[str, Any]]:
    """Return who is connected to a server, as its monitoring page tells."""
    with urllib.request.urlopen(f"{server.monitoring_url}/connz", timeout=5) as page:  # noqa: S310  # our own server
        connections: list[dict[str, Any]] = json.load(page)["connections"]
    return connections


@asynccontextmanager
async def open_ground(folder: Path, *, is_cluster: bool = False) -> AsyncIterator[Ground]:
    """Yield the servers, migrated: one broker, or three that are one, with each stream on all of them."""
    plan = Plan(Ports.free())
    postgres = EmbeddedPostgres(folder / "postgres", settings=_SETTINGS)
    servers = EmbeddedNatsCluster if is_cluster else EmbeddedNats
    nats = servers(folder / "nats", users=plan.broker_users())
    ground = Ground(postgres, nats, plan)
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


async def _append_one(database: Database, due: datetime) -> None:
    """Append one event, whose time is the instant it was due."""
    async with database.transaction() as tx:
        await append(tx, SCHEMA, [msgspec.structs.replace(purchase_event(), time=due)])


def purchase_event() -> Event:
    """Return the event of a recorded purchase."""
    body = PurchaseCreated(
        purchase_id=new_id("pur"),
        merchant_id=new_id("mer"),
        user_id=new_id("usr"),
        amount_minor="1999",
        currency="USD",
        occurred_at=SystemClock().now(),
        cashback_id=new_id("cb"),
        reference="order-20261128-1042",
    )
    with trace(None) as traceparent:
        return to_event(body, time=SystemClock().now(), traceparent=traceparent)


def published(event: Event) -> Message:
    """Return an event as the relay publishes it."""
    return event_message(
        id=event.id,
        type=event.type,
        source=event.source,
        key=event.key,
        time=event.time,
        traceparent=event.traceparent,
        version=event.version,
        partition=partition_of(event.key),
        data=event.data,
    )
