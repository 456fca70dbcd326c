"""The outlet: the broker as a drainer sees it, with our streams in it, and whether this process gets through to it.

    open ──did not answer──▶ failing ──for 2 s──▶ given up ──streams or a round trip──▶ open
      ▲                         └──stored──▶ open
      └── on every new link the streams come first

A drainer holds lanes only while it gets through: one that is cut off from the broker alone would keep them, by its
database, from all who are not.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from cashback.kernel.bus import Bus, BusUnavailable, Message, StreamMissing, publish
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.clock import monotonic_s
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.telemetry import logger

PATIENCE_S: Final = 2.0
RETRY: Final = Backoff(base_s=0.1, cap_s=2.0)
LOOK_S: Final = 0.25
STREAMS_EVERY_S: Final = 60.0
"""How often the streams are looked at again on a link that holds: a backlog fills them within minutes."""

log = logger(__name__)


class Outlet:
    """Where one schema's events go."""

    def __init__(self, bus: Bus, *, schema: str) -> None:
        """Publish on `bus`; nothing is known of it yet."""
        self._bus = bus
        self._schema = schema
        self._applied_on: object = None
        self._look_again_at_s = 0.0
        self._failing_since_s: float | None = None
        self._failures = 0

    @property
    def is_given_up(self) -> bool:
        """Tell whether the broker has failed this process for so long that others should have its lanes."""
        return self._failing_since_s is not None and monotonic_s() - self._failing_since_s >= PATIENCE_S

    async def open(self) -> bool:
        """Tell whether events may be published now: our streams are there, and the broker was not given up.

        On a link that is new the streams are created; what differs in those that are there is told, then and now and
        again, since somebody may change it meanwhile, or put it right.
        """
        began_s = monotonic_s()
        try:
            if self._bus.link is not self._applied_on or monotonic_s() >= self._look_again_at_s:
                await self._apply()
            elif self.is_given_up:
                await self._bus.ping()
            else:
                return True
        except BusUnavailable as cause:
            self._note(cause, began_s)
            return False
        # A publication alone tells that all is well; but that may be tried again, for a while.
        self._failing_since_s = None
        return True

    async def publish(self, messages: Sequence[Message]) -> None:
        """Have the broker store `messages`.

        Raises:
            BusUnavailable: it is not known that all are stored.
        """
        began_s = monotonic_s()
        reach("batch.publishing")
        try:
            await publish(self._bus, messages)
        except BusUnavailable as cause:
            if isinstance(cause, StreamMissing):
                self._applied_on = None
            self._note(cause, began_s)
            raise
        self._failing_since_s = None
        self._failures = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when it is worth another try: soon, and later the more often it failed, or when told to stop."""
        if self._bus.is_connected:
            await pause(stop, RETRY.delay_s(self._failures))
        else:
            await self._bus.wait_connected(at_most_s=LOOK_S)

    async def _apply(self) -> None:
        """Bring our streams about on the present link.

        Raises:
            BusUnavailable: it is not known that they are there.
        """
        link = self._bus.link
        for report in await self._bus.apply_streams():
            if report.differences:
                log.warning("stream.differs", stream=report.name, differences=report.differences)
        self._applied_on = link
        self._look_again_at_s = monotonic_s() + STREAMS_EVERY_S
        self._failures = 0

    def _note(self, cause: BusUnavailable, began_s: float) -> None:
        """Remember since when the broker fails; it is told once."""
        self._failures += 1
        if self._failing_since_s is None:
            self._failing_since_s = began_s
        if self._failures == 1:
            log.warning("outbox.waits", schema=self._schema, reason=cause.detail)
