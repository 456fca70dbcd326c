"""The consumer: each of its partitions is had by one worker at a time, which works it off as the stream has it."""

import asyncio
from contextlib import suppress
from itertools import count
from typing import Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus import durable as durables
from cashback.kernel.bus.applying import Applying, Handler
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.durable import Durable, remake_durable
from cashback.kernel.bus.errors import BusUnavailable
from cashback.kernel.bus.failures import Failures, Retry
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Place, read_place
from cashback.kernel.bus.ordered.sequel import Sequel
from cashback.kernel.bus.ordered.sharing import Sharing
from cashback.kernel.bus.ordered.tenure import LEASE_TTL_S as LEASE_TTL_S  # noqa: PLC0414 - part of the surface
from cashback.kernel.bus.ordered.tenure import PartitionLost, Tenure
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.bus.watching import Watch
from cashback.kernel.db import Database
from cashback.kernel.errors import Broken, Unavailable
from cashback.kernel.lifecycle.stopping import accompanied, pause, until_stopped
from cashback.kernel.telemetry import logger

STANDBY_S: Final = 0.25
"""How often a worker looks which partitions are its own."""
WAIT_S: Final = 0.1
LINGER_S: Final = 0.003
IN_PROGRESS_PARTS: Final = 3
OUTAGE: Final = Backoff(base_s=0.05, cap_s=1.0)

log = logger(__name__)


class OrderedConsumer:
    """A consumer of some event types whose handler needs order; of any number of workers one has each partition.

    All have as many, as far as that goes, and whoever is too many stands by.
    """

    def __init__(  # noqa: PLR0913 - what a consumer is, each by name
        self,
        bus: Bus,
        database: Database,
        *,
        schema: str,
        name: str,
        types: tuple[str, ...],
        partitions: int,
        handler: Handler,
        holder: str,
        batch_max: int = 256,
        retry: Retry | None = None,
    ) -> None:
        """Consume `types` under the durables `<name>-<partition>`, with inbox and leases of `schema`.

        `handler` is called inside the transaction with those events that the inbox had not seen, as the stream has
        them. `holder` is no other worker's.

        Raises:
            Broken: no type is named, and each partition would get the events of all.
        """
        if not types:
            raise Broken("an ordered consumer names the types of its events")
        self._partitions = [
            Partition(
                bus,
                database,
                schema=schema,
                name=name,
                durable=Durable(f"{name}-{partition}", types, partition),
                handler=handler,
                holder=holder,
                batch_max=batch_max,
                retry=retry or Retry(),
            )
            for partition in range(partitions)
        ]
        leases = [partition.lease for partition in self._partitions]
        self._sharing = Sharing(database, schema=schema, names=leases, holder=holder)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is in hand, or roll it back after 1.5 s, and let others on.

        Broker and database may be away, at the start or later: then this waits.

        Raises:
            Broken: a handler found one of our invariants violated; the event that it found it with is noted.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for partition in self._partitions:
                    group.create_task(partition.run(stop))
                group.create_task(until_stopped(self._share(stop), stop))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        await self._sharing.end()

    async def _share(self, stop: asyncio.Event) -> None:
        """Tell each partition whether it is this worker's; while nobody can say, all stay as they are."""
        while not stop.is_set():
            with suppress(Unavailable):
                mine = await self._sharing.look()
                for number, partition in enumerate(self._partitions):
                    partition.is_mine = number in mine
            await pause(stop, STANDBY_S)


class Partition:
    """One partition, worked off while this worker has it."""

    def __init__(  # noqa: PLR0913 - as above
        self,
        bus: Bus,
        database: Database,
        *,
        schema: str,
        name: str,
        durable: Durable,
        handler: Handler,
        holder: str,
        batch_max: int,
        retry: Retry,
    ) -> None:
        """Apply as the consumer `name` what `durable` is given."""
        self._bus = bus
        self._database = database
        self._schema = schema
        self._name = name
        self._durable = durable
        self._handler = handler
        self._holder = holder
        self._batch_max = batch_max
        self._retry = retry
        self._failures = 0
        self.lease = f"consumer:{durable.name}"
        self.is_mine = False
        """Whether it is this worker's to work off; no longer so, it is left once what is in hand is applied."""

    async def run(self, stop: asyncio.Event) -> None:
        """Stand by or work until told to stop; what is away is waited for, and said once."""
        while not stop.is_set():
            try:
                tenure = await self._begin() if self.is_mine else None
                if tenure is not None:
                    await self._hold(tenure, stop)
            except Unavailable as cause:
                self._failures += 1
                if self._failures == 1:
                    log.warning("partition.waits", consumer=self._durable.name, code=cause.code, reason=cause.detail)
                await pause(stop, OUTAGE.delay_s(self._failures))
            else:
                await pause(stop, STANDBY_S)

    async def _begin(self) -> Tenure | None:
        """Return the tenure when the partition is this worker's now."""
        return await Tenure.begin(self._database, schema=self._schema, name=self.lease, holder=self._holder)

    async def _hold(self, tenure: Tenure, stop: asyncio.Event) -> None:
        """Work the partition off until told to stop or it is lost, and then leave it to others."""
        log.info("partition.taken", consumer=self._durable.name)
        try:
            await until_stopped(accompanied(self._work(tenure, stop), tenure.keep()), stop)
        finally:
            await tenure.end()

    async def _work(self, tenure: Tenure, stop: asyncio.Event) -> None:
        """Work the partition off, and when the broker is lost wait for it and begin again behind the floor.

        Raises:
            PartitionLost: another worker may have it.
        """
        # What one of before had in hand may have ended it; what this one had did not.
        is_heir = True
        for failures in count(1):
            tenure.check()
            try:
                link = self._bus.link
                handed_out = await remake_durable(self._bus, self._durable, stream=EVENTS.name)
                sequel = self._sequel(tenure, link, suspect_to=handed_out if is_heir else 0)
                is_heir = False
                await self._consume(tenure, sequel, link, stop)
            except BusUnavailable as cause:
                log.info("partition.begins_again", consumer=self._durable.name, reason=cause.detail)
                if await self._bus.wait_connected(at_most_s=1.0):
                    await pause(stop, OUTAGE.delay_s(failures))
            if stop.is_set() or not self.is_mine:
                return

    def _sequel(self, tenure: Tenure, link: Link, *, suspect_to: int) -> Sequel:
        """Return what settles in order, behind the fence of `tenure`."""
        applying = Applying(
            self._database, schema=self._schema, name=self._name, handler=self._handler, fence=tenure.fence
        )
        return Sequel(
            self._bus,
            applying,
            self._noted(tenure),
            name=self._name,
            types=self._durable.types,
            retry=self._retry,
            link=link,
            batch_max=self._batch_max,
            suspect_to=suspect_to,
        )

    def _noted(self, tenure: Tenure) -> Failures:
        """Return the failures of the consumer, behind the fence of `tenure`."""
        return Failures(self._database, schema=self._schema, consumer=self._name, retry=self._retry, fence=tenure.fence)

    async def _consume(self, tenure: Tenure, sequel: Sequel, link: Link, stop: asyncio.Event) -> None:
        """Consume from a durable that was just made, until told to stop.

        Raises:
            BusUnavailable: the connection is another one, or what came is not what comes next.
            PartitionLost: another worker may have the partition.
        """
        pull = Pull(
            self._bus,
            stream=EVENTS.name,
            consumer=self._durable.name,
            batch_max=self._batch_max,
            deleted=sequel.answers.forget,
        )
        watch = Watch(
            self._bus,
            self._noted(tenure),
            stream=EVENTS.name,
            name=self._durable.name,
            types=self._durable.types,
            partition=self._durable.partition,
            left=sequel.left,
        )
        try:
            await accompanied(
                self._take_turns(tenure, sequel, Incoming(pull, link), stop), _holding_on(pull, sequel), watch.run()
            )
        finally:
            await pull.close()

    async def _take_turns(self, tenure: Tenure, sequel: Sequel, incoming: "Incoming", stop: asyncio.Event) -> None:
        """Take what comes and apply it, over and over; while the world is not well what is in hand is tried again."""
        outages = 0
        while self.is_mine and not stop.is_set():
            tenure.check()
            if sequel.has_room and outages == 0:
                await sequel.take(await incoming.next())
            else:
                await pause(stop, OUTAGE.delay_s(max(outages, 1)))
            try:
                await sequel.turn()
            except (BusUnavailable, PartitionLost):
                raise
            except Unavailable as cause:
                outages += 1
                log.warning("partition.stands_still", consumer=self._durable.name, code=cause.code, reason=cause.detail)
            else:
                outages = self._failures = 0


class Incoming(msgspec.Struct):
    """What a durable that was just made brings, on the connection on which it was made, without a gap."""

    pull: Pull
    link: Link
    taken: int = 0

    async def next(self) -> list[tuple[Msg, Place]]:
        """Return what comes next, nothing when nothing came for a while.

        Raises:
            BusUnavailable: it came on another connection, came again, or something before it is missing.
        """
        messages = [(one, read_place(one.reply)) for one in await self.pull.take(wait_s=WAIT_S, linger_s=LINGER_S)]
        if messages and self.pull.came_on is not self.link:
            raise BusUnavailable("the connection is another one")
        for _, place in messages:
            self.taken += 1
            if (place.attempt, place.consumer_sequence) != (1, self.taken):
                raise BusUnavailable(f"delivery {place.consumer_sequence} came where {self.taken} is due")
        return messages


async def _holding_on(pull: Pull, sequel: Sequel) -> None:
    """Tell the broker again and again that what is in hand is worked on, for as long as that takes."""
    while True:
        await asyncio.sleep(durables.ACK_WAIT_S / IN_PROGRESS_PARTS)
        await sequel.answers.are_in_progress()
        await pull.are_in_progress()
