"""Draining: what was committed is published, in commit order, as fast as it comes.

    session ─▶ acquire lanes ─▶ read up to 500 ──some──▶ publish as one batch ──stored──▶ advance the cursors ─┐
                   ▲                └──none──▶ wait for a notification, 5 .. 250 ms                            │
                   └───────────────────────────────────────────────────────────────────────────────────────────┘

Two statements and one publication per batch, whatever its size. Any number of drainers may run: each lane has one
holder, the others stand by. Keeps I5 and I6: a cursor moves only after the stream has stored everything before it, and
a batch whose end is unknown is published again under the same message ids.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from prometheus_client import Counter, Gauge, Histogram

from cashback.kernel.bus import Bus, BusUnavailable, Message, StreamMissing, event_message, publish
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database, Session
from cashback.kernel.errors import Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.outbox.lanes import Lane, Lanes
from cashback.kernel.outbox.rotating import days_ahead, rotate
from cashback.kernel.telemetry import logger

BATCH_MAX: Final = 500
LEASE_TTL_S: Final = 5.0
POLL: Final = Backoff(base_s=0.01, cap_s=0.25)
RETRY: Final = Backoff(base_s=0.1, cap_s=2.0)
RECONNECT_WAIT_S: Final = 1.0
STANDBY_S: Final = 0.25
ROTATE_EVERY_S: Final = 3_600.0
ROTATE_AGAIN_S: Final = 60.0

log = logger(__name__)
published = Counter("cashback_outbox_published_events", "events stored by the broker", ["schema"])
batch_sizes = Histogram(
    "cashback_outbox_batch_events",
    "events read and published at once",
    ["schema"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
statements = Counter("cashback_outbox_statements", "SQL statements, each one round trip", ["schema"])
oldest_seconds = Gauge(
    "cashback_outbox_oldest_seconds", "age of the oldest event read and not yet published", ["schema"]
)
days_left = Gauge(
    "cashback_outbox_days_left",
    "days after today for which there is a partition; at 0 appends fail tomorrow",
    ["schema"],
)
lanes_held = Gauge("cashback_outbox_lanes_held", "partitions that this process publishes", ["schema"])


class Row(msgspec.Struct, frozen=True):
    """One stored event as the outbox has it."""

    partition: int
    position: int
    event_id: str
    type: str
    source: str
    key: str
    time: datetime
    data: bytes
    traceparent: str | None
    version: int


class Drainer:
    """Publishes one schema's outbox for as long as it runs."""

    def __init__(
        self, database: Database, bus: Bus, *, schema: str, holder: str, lease_ttl_s: float = LEASE_TTL_S
    ) -> None:
        """Publish `schema`'s outbox on `bus`; `holder` names this process in the leases.

        So long as `lease_ttl_s` nobody publishes after a holder died without giving its lanes back.
        """
        self._database = database
        self._bus = bus
        self._schema = schema
        self._lanes = Lanes(schema=schema, holder=holder, ttl_s=lease_ttl_s)
        self._clock = SystemClock()
        self._rotate_at_s = 0.0
        self._applied_on: object = None
        self._ahead: list[Row] = []
        self._idle = 0
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set, then finish the batch in hand and give the lanes back.

        Database and broker may be away, at the start or later: then this waits, and the outbox keeps what comes.
        """
        await until_stopped(self._reconnecting(stop), stop)

    async def _reconnecting(self, stop: asyncio.Event) -> None:
        """Publish, and when the database is lost wait and begin again, until told to stop."""
        failures = 0
        while not stop.is_set():
            try:
                async with self._database.session() as session:
                    await session.execute(f"listen outbox_{self._schema}")
                    failures = 0
                    self._ahead = []
                    await self._drain(session, stop)
            except Unavailable as cause:
                failures += 1
                if failures == 1:
                    log.warning("outbox.waits", schema=self._schema, reason=cause.detail)
                await pause(stop, RETRY.delay_s(failures))

    async def _drain(self, session: Session, stop: asyncio.Event) -> None:
        """Publish over one database session until told to stop."""
        try:
            while not stop.is_set():
                await self._maintain(session)
                await self._step(session, stop)
        finally:
            lanes_held.labels(self._schema).set(0)
        reach("lanes.releasing")
        await self._lanes.release(session)

    async def _maintain(self, session: Session) -> None:
        """Do what is due: the leases, and once an hour the outbox's own partitions."""
        if self._lanes.is_due:
            # Notifications that came while there was no time to wait for any.
            await self._wait(session, 0.0)
            statements.labels(self._schema).inc()
            before = self._lanes.held
            await self._lanes.acquire(session)
            if self._lanes.held != before:
                self._ahead = []
                reach("lanes.taken")
            lanes_held.labels(self._schema).set(len(self._lanes.held))
        if monotonic_s() >= self._rotate_at_s:
            await self._rotate(session)

    async def _rotate(self, session: Session) -> None:
        """Rotate the outbox's partitions, and tell how long it may go on without."""
        statements.labels(self._schema).inc(2)
        rotated = await rotate(session, self._schema)
        self._rotate_at_s = monotonic_s() + (ROTATE_EVERY_S if rotated else ROTATE_AGAIN_S)
        left = await days_ahead(session, self._schema)
        days_left.labels(self._schema).set(left)
        if not rotated:
            log.warning("rotation.postponed", schema=self._schema, reason="writers hold the table", days_left=left)

    async def _step(self, session: Session, stop: asyncio.Event) -> None:
        """Publish what has come, or wait until something may have."""
        if not self._lanes.held:
            await pause(stop, STANDBY_S)
            return
        rows = self._ahead or await self._read(session, {})
        self._ahead = []
        self._observe(rows)
        if not rows:
            self._idle += 1
            await self._wait(session, POLL.delay_s(self._idle))
            return
        self._idle = 0
        reach("rows.read")
        try:
            await self._move(session, rows)
        except BusUnavailable as cause:
            self._failures += 1
            if self._failures == 1:
                log.warning("outbox.waits", schema=self._schema, reason=cause.detail)
            # Not longer at once: the leases want to be prolonged.
            if await self._bus.wait_connected(at_most_s=RECONNECT_WAIT_S):
                await pause(stop, RETRY.delay_s(self._failures))
        else:
            self._failures = 0

    async def _move(self, session: Session, rows: list[Row]) -> None:
        """Publish `rows` and move the cursors behind them; with a backlog the next rows are read meanwhile.

        Raises:
            BusUnavailable: it is not known that all are stored; no cursor has moved.
        """
        reached = {row.partition: row.position for row in rows}
        ahead: list[Row] = []
        publishing = asyncio.create_task(self._publish(rows))
        try:
            if len(rows) == BATCH_MAX:
                ahead = await self._read(session, reached)
        finally:
            # Never left behind: it may be on its way, and it has its own deadline.
            await publishing
        reach("batch.published")
        statements.labels(self._schema).inc()
        before = self._lanes.held.keys()
        await self._lanes.advance(session, reached)
        reach("cursors.moved")
        published.labels(self._schema).inc(len(rows))
        batch_sizes.labels(self._schema).observe(len(rows))
        # With a lane lost, what was read of it is another's to publish.
        self._ahead = ahead if self._lanes.held.keys() == before else []

    async def _read(self, session: Session, reached: Mapping[int, int]) -> list[Row]:
        """Return what comes next on the lanes held, after the positions `reached` where these are further."""
        lanes = [
            msgspec.structs.replace(lane, position=reached.get(lane.partition, lane.position))
            for lane in self._lanes.held.values()
        ]
        statements.labels(self._schema).inc()
        return await pending(session, schema=self._schema, lanes=lanes, limit=BATCH_MAX)

    async def _publish(self, rows: Sequence[Row]) -> None:
        """Have the broker store `rows`, creating its streams first on a connection that is new.

        Raises:
            BusUnavailable: it is not known that all are stored.
        """
        link = self._bus.link
        if link is not self._applied_on:
            for report in await self._bus.apply_streams():
                if report.differences:
                    log.warning("stream.differs", stream=report.name, differences=report.differences)
            self._applied_on = link
        reach("batch.publishing")
        try:
            await publish(self._bus, [to_message(row) for row in rows])
        except StreamMissing:
            self._applied_on = None
            raise

    async def _wait(self, session: Session, wait_s: float) -> None:
        """Return when a transaction that appended has committed, or after `wait_s`."""
        async for _ in session.notifies(timeout=wait_s, stop_after=1):
            self._idle = 0

    def _observe(self, rows: Sequence[Row]) -> None:
        """Tell the metrics how far behind the publishing is."""
        age_s = (self._clock.now() - rows[0].time).total_seconds() if rows else 0.0
        oldest_seconds.labels(self._schema).set(max(0.0, age_s))


async def pending(session: Session, *, schema: str, lanes: Sequence[Lane], limit: int) -> list[Row]:
    """Return the first `limit` events, in position order, that follow the positions of `lanes`.

    One ordered and limited branch per lane, merged: PostgreSQL then reads no row that it does not return.
    """
    branches = " union all ".join(
        f"""
        (select partition, position, event_id, type, source, key, time, data, traceparent, version
        from {schema}.outbox_events
        where partition = {lane.partition:d}
          and position > %(after_{lane.partition:d})s
        order by position
        limit %(limit)s)
        """
        for lane in lanes
    )
    cursor = await session.execute(
        f"select * from ({branches}) as ahead order by position limit %(limit)s",
        {"limit": limit, **{f"after_{lane.partition:d}": lane.position for lane in lanes}},
        binary=True,
    )
    return [Row(*row) for row in await cursor.fetchall()]


def to_message(row: Row) -> Message:
    """Return a stored event as the message that publishes it."""
    return event_message(
        id=row.event_id,
        type=row.type,
        source=row.source,
        key=row.key,
        time=row.time,
        traceparent=row.traceparent,
        version=row.version,
        partition=row.partition,
        data=row.data,
    )
