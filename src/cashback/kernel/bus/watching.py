"""Watching a consumer: how far behind it is, and failures of events that do not come again.

Of whoever cannot be asked nothing is known, and nothing is held up: database and broker are asked one by one, and
events flow beside this.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final

from prometheus_client import Gauge

from cashback.kernel.bus import metrics
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.durable import backlog
from cashback.kernel.bus.errors import StreamMissing
from cashback.kernel.bus.failures import Failures
from cashback.kernel.clock import SystemClock
from cashback.kernel.errors import Unavailable
from cashback.kernel.gauges import UNKNOWN
from cashback.kernel.telemetry import logger

LOOK_EVERY_S: Final = 5.0
TIDY_EVERY_LOOKS: Final = 12

log = logger(__name__)


class Watch:
    """What is known of one consumer beside its work."""

    def __init__(
        self,
        bus: Bus,
        failures: Failures,
        *,
        stream: str,
        name: str,
        types: tuple[str, ...],
        left: Callable[[], int],
        partition: int | None = None,
    ) -> None:
        """Watch the durable `name`, which is of `types`, of one partition or of all; `left` counts what is unknown."""
        self._bus = bus
        self._failures = failures
        self._stream = stream
        self._name = name
        self._types = types
        self._left = left
        self._partition = partition
        self._clock = SystemClock()

    async def run(self) -> None:
        """Look every few seconds, for ever; who is not there any more has left nothing."""
        try:
            for looks in count():
                metrics.unknown_now.labels(self._name).set(self._left())
                await self._try(self._look_at_failures, metrics.failing_keys_now, metrics.failing_now)
                await self._try(self._look, metrics.lag_now, metrics.oldest_now)
                if looks % TIDY_EVERY_LOOKS == 0:
                    await self._try(self._failures.forget_lapsed)
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            metrics.unknown_now.labels(self._name).set(0)

    async def _try(self, look: Callable[[], Awaitable[object]], *gauges: Gauge) -> None:
        """Look, or have the gauges say that nobody knows."""
        try:
            await look()
        except Unavailable as cause:
            for gauge in gauges:
                gauge.labels(self._name).set(UNKNOWN)
            if isinstance(cause, StreamMissing):
                log.debug("consumer.absent", consumer=self._name)
            else:
                log.info("consumer.unwatched", consumer=self._name, reason=cause.detail)

    async def _look_at_failures(self) -> None:
        """Have the gauges say how many keys wait for an event that failed."""
        keys, oldest_s = await self._failures.standing()
        metrics.failing_keys_now.labels(self._name).set(keys)
        metrics.failing_now.labels(self._name).set(oldest_s)

    async def _look(self) -> None:
        """Have the gauges say how far behind the consumer is."""
        lag, since = await backlog(
            self._bus, stream=self._stream, name=self._name, types=self._types, partition=self._partition
        )
        metrics.lag_now.labels(self._name).set(lag)
        age_s = 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())
        metrics.oldest_now.labels(self._name).set(age_s)
