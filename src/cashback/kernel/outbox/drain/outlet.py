"""The outlet: the broker as a drainer sees it, with our streams in it, and whether this process gets through to it.

    open ──no answer, or silence──▶ failing ──for 2 s──▶ given up ──1, 2, 4, 8 or 16 round trips──▶ open
      ▲ │                              │                     the more of them the oftener in a row
      │ └──refused──▶ open             │
      ├──────────stored, refused───────┘
      └── on every new link the streams come first

A drainer holds lanes only while it gets through: one that is cut off from the broker alone would keep them, by its
database, from all who are not. Whom the stream refuses, it has answered: it would refuse any other drainer as well, so
the lanes rest where they are. Who gets answers and cannot publish comes back for its lanes later each time.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from cashback.kernel.bus import Bus, BusRefused, BusUnavailable, Parcel, StreamMissing, publish_packed
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.clock import monotonic_s
from cashback.kernel.failpoints import reach
from cashback.kernel.lifecycle.stopping import pause
from cashback.kernel.outbox.drain.absence import PER_MILLE, round_trips
from cashback.kernel.telemetry import logger

PATIENCE_S: Final = 2.0
RETRY: Final = Backoff(base_s=0.1, cap_s=1.0)
MANY: Final = 16
"""Failures after which waits grow no longer."""

FIRST_WHEN_ANSWERED: Final = 3
"""As long as a third absence, two seconds or three, is the first of whoever can ask and cannot publish."""

FORGOTTEN_AFTER_S: Final = 60.0
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
        self._absences = 0
        self._trips_left = 0
        self._opened_at_s = 0.0

    @property
    def is_given_up(self) -> bool:
        """Tell whether the broker has failed this process for so long that others should have its lanes.

        Silence counts from when it began: nothing has to happen in between for it to be noticed.
        """
        is_failing = self._failing_since_s is not None and monotonic_s() - self._failing_since_s >= PATIENCE_S
        return is_failing or self._trips_left > 0 or self._bus.silent_s >= PATIENCE_S

    async def open(self) -> bool:
        """Tell whether events may be published now: our streams are there, and the broker was not given up.

        On a link that is new the streams are created; what differs in those that are there is told, then and now and
        again, since somebody may change it meanwhile, or put it right.

        Given up, it is open again after some round trips, one each call: the more the oftener that came to nothing.
        """
        began_s = monotonic_s()
        if self.is_given_up and self._trips_left == 0:
            self._stay_away(began_s)
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
        self._trips_left = max(0, self._trips_left - 1)
        # A publication alone tells that all is well; but that may be tried again, for a while.
        self._failing_since_s = None
        self._opened_at_s = monotonic_s()
        return self._trips_left == 0

    async def publish(self, parcels: Sequence[Parcel]) -> None:
        """Have the broker store what is in `parcels`.

        Raises:
            BusUnavailable: it is not known that all are stored.
        """
        began_s = monotonic_s()
        reach("batch.publishing")
        try:
            await publish_packed(self._bus, parcels)
        except BusUnavailable as cause:
            if isinstance(cause, StreamMissing):
                self._applied_on = None
            self._note(cause, began_s)
            if isinstance(cause, BusRefused):
                self._failing_since_s = None
            raise
        self._failing_since_s = None
        self._failures = self._absences = 0

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when it is worth another try: soon, and later the more often it failed, or when told to stop."""
        if self._bus.is_connected:
            await pause(stop, RETRY.delay_s(MANY if self._trips_left else self._failures))
        else:
            await self._bus.wait_connected(at_most_s=LOOK_S)

    def _stay_away(self, now_s: float) -> None:
        """Begin an absence, longer than the one before if that was lately and nothing was stored since."""
        if now_s - self._opened_at_s >= FORGOTTEN_AFTER_S:
            self._absences = 0
        # Whoever is answered and cannot publish leaves others the time to find the lanes free, and to try.
        is_answered = self._bus.is_connected and self._bus.silent_s < PATIENCE_S
        self._absences = max(self._absences + 1, FIRST_WHEN_ANSWERED if is_answered else 1)
        jitter = random.randrange(PER_MILLE)  # noqa: S311 - jitter needs no secrecy
        self._trips_left = round_trips(self._absences, jitter_per_mille=jitter)

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
