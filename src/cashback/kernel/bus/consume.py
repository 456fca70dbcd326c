"""Consuming: events in micro-batches, each applied exactly once, none held up by another.

    take ──▶ pile up ──▶ transaction: inbox, handler ──committed──▶ ack
                              │    └── waits for a failed event of its key ──▶ nak, until that one is due
                              │ Unavailable          ──▶ nak, later and later, with jitter
                              │ anything else        ──▶ halve, until one event is left, which is noted
                              └── that one: Rejected, or failed five times ──▶ dead letter
                                            Broken: an invariant failed    ──▶ stop
                                            otherwise                      ──▶ nak

Keeps I5: the broker delivers at least once, the inbox makes it once; an acknowledgement is sent only after the commit,
and one that gets lost costs a repetition and nothing else.
"""

import asyncio
from itertools import count
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus import durable
from cashback.kernel.bus.answers import put_back_now
from cashback.kernel.bus.applying import Handler
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.durable import ensure_durable
from cashback.kernel.bus.errors import BusUnavailable
from cashback.kernel.bus.failures import Retry
from cashback.kernel.bus.pull import Pull
from cashback.kernel.bus.settle import Settler
from cashback.kernel.bus.streams import EVENTS
from cashback.kernel.bus.watching import Watch
from cashback.kernel.db import Database
from cashback.kernel.lifecycle.stopping import accompanied, pause, until_stopped
from cashback.kernel.telemetry import logger

WAIT_S: Final = 0.25
LINGER_S: Final = 0.003
RECONNECT_WAIT_S: Final = 1.0
IN_PROGRESS_PARTS: Final = 3
"""How often in the time that the broker waits it is told that what is in hand is worked on."""
RECONNECT: Final = Backoff(base_s=0.05, cap_s=2.0)

log = logger(__name__)


class Consumer:
    """One durable consumer of some event types; any number of processes may run the same one and share the work."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        *,
        schema: str,
        name: str,
        types: tuple[str, ...],
        handler: Handler,
        batch_max: int = 256,
        retry: Retry | None = None,
    ) -> None:
        """Consume `types` under the durable `name`, with the inbox of `schema`.

        `handler` is called inside the transaction with those events that the inbox had not seen, oldest first.
        """
        self._bus = bus
        self._name = name
        self._types = types
        self._settler = Settler(
            bus,
            database,
            schema=schema,
            name=name,
            types=types,
            handler=handler,
            batch_max=batch_max,
            retry=retry or Retry(),
        )
        self._pull = Pull(
            bus, stream=EVENTS.name, consumer=name, batch_max=batch_max, deleted=self._settler.answers.forget
        )
        self._rolled_back: list[Msg] = []
        self._watch = Watch(
            bus, self._settler.failures, stream=EVENTS.name, name=name, types=types, left=self._settler.leaving.count
        )
        self._failures = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish the batch in hand, or roll it back after 1.5 s, and return.

        The broker may be away, at the start or later: then this waits.

        Raises:
            Broken: a handler found one of our invariants violated; nothing of the event that it found it with was
                stored or acknowledged.
        """
        try:
            await until_stopped(accompanied(self._reconnecting(stop), self._holding_on(), self._watch.run()), stop)
        finally:
            # For others to take now rather than when the broker has waited in vain; and not before nobody listens here
            # any more, or the broker hands it to the request that is still open.
            rest = await self._pull.close()
            await put_back_now(self._pull.came_on, [*self._rolled_back, *rest])

    async def _holding_on(self) -> None:
        """Tell the broker again and again that what is in hand is worked on, however long a handler takes."""
        while True:
            await asyncio.sleep(durable.ACK_WAIT_S / IN_PROGRESS_PARTS)
            await self._settler.answers.are_in_progress()
            await self._pull.are_in_progress()

    async def _reconnecting(self, stop: asyncio.Event) -> None:
        """Consume, and when the broker is lost wait and begin again, until told to stop."""
        while not stop.is_set():
            try:
                await ensure_durable(self._bus, stream=EVENTS.name, name=self._name, types=self._types)
                await self._consume(stop)
            except BusUnavailable as cause:
                self._failures += 1
                if self._failures == 1:
                    log.warning("consumer.waits", consumer=self._name, reason=cause.detail)
                if await self._bus.wait_connected(at_most_s=RECONNECT_WAIT_S):
                    await pause(stop, RECONNECT.delay_s(self._failures))

    async def _consume(self, stop: asyncio.Event) -> None:
        """Take batches and settle them until told to stop.

        That the broker knows the consumer is not enough: between two leaders it does, and nobody answers a request. So
        all is well once messages came, or a second request was not refused either.
        """
        for takes in count(1):
            if stop.is_set():
                return
            taken = await self._pull.take(wait_s=WAIT_S, linger_s=LINGER_S)
            if taken or takes > 1:
                self._failures = 0
            if taken:
                await self._settle(taken, stop)

    async def _settle(self, taken: list[Msg], stop: asyncio.Event) -> None:
        """Settle one batch, and pause when the world is not well."""
        try:
            pause_s = await self._settler.settle(taken, self._pull.came_on)
        except asyncio.CancelledError:
            log.warning("batch.rolled_back", consumer=self._name, events=len(taken))
            self._rolled_back = self._settler.answers.open
            raise
        if pause_s > 0:
            await pause(stop, pause_s)
