"""The loop of one drainer: leases, reading, publishing, and moving the cursors, until told to stop."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus import Bus, BusUnavailable
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database, Session
from cashback.kernel.errors import Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import pause, until_stopped
from cashback.kernel.outbox.drain import metrics
from cashback.kernel.outbox.drain.age import Age
from cashback.kernel.outbox.drain.outlet import RETRY, Outlet
from cashback.kernel.outbox.drain.reading import BATCH_MAX, Batch, Row, go_by_index, is_full, pending, to_batch
from cashback.kernel.outbox.lanes import Lanes
from cashback.kernel.outbox.rotating import STATEMENTS, days_ahead, rotate
from cashback.kernel.telemetry import logger

LEASE_TTL_S: Final = 3.0
"""Renewed every third of it: whoever dies, stands still or is cut off is followed within five seconds."""

POLL: Final = Backoff(base_s=0.01, cap_s=0.25)
STANDBY_S: Final = 0.25
UNWRITTEN_EVENTS_MAX: Final = 4 * BATCH_MAX
UNWRITTEN_MAX_S: Final = 0.1
TIMED_OF_BATCH: Final = 16
ROTATE_EVERY_S: Final = 3_600.0
ROTATE_AGAIN_S: Final = 60.0

log = logger(__name__)


class Drainer:
    """Publishes one schema's outbox for as long as it runs."""

    def __init__(
        self, database: Database, bus: Bus, *, schema: str, holder: str, lease_ttl_s: float = LEASE_TTL_S
    ) -> None:
        """Publish `schema`'s outbox on `bus`; `holder` names this process in the leases.

        So long as `lease_ttl_s` nobody publishes after a holder died without giving its lanes back.
        """
        self._database = database
        self._schema = schema
        self._outlet = Outlet(bus, schema=schema)
        self._lanes = Lanes(schema=schema, holder=holder, ttl_s=lease_ttl_s)
        self._clock = SystemClock()
        self._rotate_at_s = 0.0
        self._age = Age(schema=schema)
        self._ahead = Batch()
        self._idle = 0
        self._unwritten_events = 0
        self._unwritten_since_s = 0.0
        self._had_backlog = False

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
                    await go_by_index(session)
                    failures = 0
                    self._ahead = Batch()
                    self._lanes.forget()
                    await self._drain(session, stop)
            except Unavailable as cause:
                failures += 1
                self._age.forget()
                if failures == 1:
                    log.warning("outbox.waits", schema=self._schema, reason=cause.detail)
                await pause(stop, RETRY.delay_s(failures))

    async def _drain(self, session: Session, stop: asyncio.Event) -> None:
        """Publish over one database session until told to stop.

        Lanes are held only while the broker is reached; in any case partitions are rotated, and it is told how old what
        waits has become.
        """
        try:
            while not stop.is_set():
                if monotonic_s() >= self._rotate_at_s:
                    await self._rotate(session)
                if self._age.is_due:
                    await self._age.look(session)
                if self._outlet.is_given_up and self._lanes.held:
                    log.warning("lanes.released", schema=self._schema, reason="the broker is not reached from here")
                    await self._release(session)
                if await self._outlet.open():
                    await self._lease(session)
                    await self._step(session, stop)
                else:
                    # Notifications go on coming, however long the broker is away: they are not to pile up here.
                    while await self._wait(session, 0.0):
                        pass
                    await self._outlet.wait(stop)
        finally:
            metrics.lanes_held.labels(self._schema).set(0)
        reach("lanes.releasing")
        await self._release(session)

    async def _lease(self, session: Session) -> None:
        """Look after the leases when that is due."""
        if not self._lanes.is_due:
            return
        # Notifications that came while there was no time to wait for any.
        await self._wait(session, 0.0)
        before = self._tokens()
        await self._lanes.acquire(session)
        self._count_lanes()
        if self._tokens() != before:
            self._ahead = Batch()
            reach("lanes.taken")

    async def _release(self, session: Session) -> None:
        """Give every lane back, with what was read of it."""
        self._ahead = Batch()
        await self._lanes.release(session)
        self._count_lanes()

    def _tokens(self) -> dict[int, int]:
        """Return which leases are held, whatever became of their positions."""
        return {number: lane.token for number, lane in self._lanes.held.items()}

    def _count_lanes(self) -> None:
        """Tell the metrics what the lanes are and have cost."""
        metrics.statements.labels(self._schema).inc(self._lanes.statements)
        metrics.takeovers.labels(self._schema).inc(self._lanes.takeovers)
        metrics.lanes_held.labels(self._schema).set(len(self._lanes.held))
        self._lanes.statements = self._lanes.takeovers = 0

    async def _rotate(self, session: Session) -> None:
        """Rotate the outbox's partitions, and tell how long it may go on without."""
        # Before it is tried: whatever becomes of it, publishing goes on, on this session or the next.
        self._rotate_at_s = monotonic_s() + ROTATE_AGAIN_S
        metrics.statements.labels(self._schema).inc(STATEMENTS)
        rotated = await rotate(session, self._schema)
        if rotated:
            self._rotate_at_s = monotonic_s() + ROTATE_EVERY_S
        left = await days_ahead(session, self._schema)
        metrics.days_left.labels(self._schema).set(left)
        if not rotated:
            log.warning("rotation.postponed", schema=self._schema, reason="others hold the table", days_left=left)

    async def _step(self, session: Session, stop: asyncio.Event) -> None:
        """Publish what has come, or wait until something may have."""
        if not self._lanes.held:
            await pause(stop, STANDBY_S)
            return
        batch = self._ahead if self._ahead.rows else await self._read(session, {})
        self._ahead = Batch()
        if not batch.rows:
            self._idle += 1
            if not self._had_backlog:
                await self._wait(session, self._poll_s())
            if self._had_backlog or self._is_write_due():
                await self._write(session)
            return
        self._idle = 0
        reach("rows.read")
        if self._lanes.has_run_out:
            # This process stood still with the rows in hand: they may be another's to publish by now.
            return
        try:
            await self._move(session, batch)
        except BusUnavailable:
            await self._outlet.wait(stop)

    async def _move(self, session: Session, batch: Batch) -> None:
        """Publish `batch` and move the cursors behind it; with a backlog the next is read and made ready meanwhile.

        The cursors follow a little later, for several batches at once, and at the end of a backlog at once. What is
        published again after a death between has the same message ids.

        Raises:
            BusUnavailable: it is not known that all are stored; no cursor has moved.
        """
        rows, ahead = batch.rows, Batch()
        reached = {row.partition: row.position for row in rows}
        publishing = asyncio.create_task(self._outlet.publish(batch.parcels))
        try:
            if is_full(rows):
                # The batch goes out first: the broker has the longer work.
                await asyncio.sleep(0)
                ahead = await self._read(session, reached)
        finally:
            # Never left behind: it may be on its way, and it has its own deadline.
            await publishing
        reach("batch.published")
        self._observe_published(rows)
        if not self._lanes.is_unwritten:
            self._unwritten_events, self._unwritten_since_s = 0, monotonic_s()
        self._lanes.reach(reached)
        self._unwritten_events += len(rows)
        self._had_backlog |= is_full(rows)
        self._ahead = ahead
        if self._is_write_due():
            await self._write(session)

    def _is_write_due(self) -> bool:
        """Tell whether the cursors may stay behind no longer."""
        waited_s = monotonic_s() - self._unwritten_since_s
        return self._lanes.is_unwritten and (
            self._unwritten_events >= UNWRITTEN_EVENTS_MAX or waited_s >= UNWRITTEN_MAX_S
        )

    def _poll_s(self) -> float:
        """Return how long to wait for events: longer the longer none came, and not beyond the next write."""
        poll_s = POLL.delay_s(self._idle)
        if not self._lanes.is_unwritten:
            return poll_s
        return max(0.0, min(poll_s, self._unwritten_since_s + UNWRITTEN_MAX_S - monotonic_s()))

    async def _write(self, session: Session) -> None:
        """Move the cursors behind what is published; with a lane lost, what was read of it is another's to publish."""
        before, self._had_backlog = self._tokens(), False
        await self._lanes.write(session)
        reach("cursors.moved")
        self._count_lanes()
        if self._tokens() != before:
            self._ahead = Batch()

    async def _read(self, session: Session, reached: Mapping[int, int]) -> Batch:
        """Return what comes next on the lanes held, after the positions `reached` where these are further."""
        lanes = [
            msgspec.structs.replace(lane, position=reached.get(lane.partition, lane.position))
            for lane in self._lanes.held.values()
        ]
        metrics.statements.labels(self._schema).inc()
        return to_batch(await pending(session, schema=self._schema, lanes=lanes, limit=BATCH_MAX))

    async def _wait(self, session: Session, wait_s: float) -> int:
        """Return when a transaction that appended has committed, or after `wait_s`: how many were heard of."""
        heard = 0
        async for _ in session.notifies(timeout=wait_s, stop_after=1):
            self._idle = 0
            heard += 1
        return heard

    def _observe_published(self, rows: Sequence[Row]) -> None:
        """Tell the metrics how many were stored, and how long they had taken to get there."""
        metrics.published.labels(self._schema).inc(len(rows))
        metrics.batch_sizes.labels(self._schema).observe(len(rows))
        seconds, now = metrics.publish_seconds.labels(self._schema), self._clock.now()
        # Evenly spread ones of a large batch: 0.7 µs for each of 500 was a hundredth of the relay's time.
        for row in rows[:: max(1, len(rows) // TIMED_OF_BATCH)]:
            seconds.observe(max(0.0, (now - row.time).total_seconds()))
