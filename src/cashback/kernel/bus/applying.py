"""Applying: one transaction with the inbox, the handler, and what is forgotten of earlier failures."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from cashback.kernel import inbox
from cashback.kernel.bus import metrics
from cashback.kernel.bus.failures import Fence, events_of, unfenced
from cashback.kernel.bus.message import Delivery
from cashback.kernel.bus.piling import Taken
from cashback.kernel.bus.tracing import processing
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import reach

Handler: TypeAlias = Callable[[Tx, Sequence[Delivery]], Awaitable[None]]

_NS_IN_S: Final = 1_000_000_000


class Applying:
    """Has a handler apply what its consumer had not applied before, all of a pile or nothing."""

    def __init__(
        self, database: Database, *, schema: str, name: str, handler: Handler, fence: Fence = unfenced
    ) -> None:
        """Apply with `handler`, under the inbox of `schema` as the consumer `name`, behind `fence`."""
        self._database = database
        self._schema = schema
        self._name = name
        self._handler = handler
        self._fence = fence
        self._clock = SystemClock()

    async def apply(self, pile: Sequence[Taken]) -> Mapping[str, float]:
        """Have the handler apply, in one transaction with the inbox, those events that were not applied before.

        Returns those that wait for another event of their key, and for how many seconds.

        Raises:
            Unavailable: the world failed, or the fence fell.
            Exception: whatever the handler raises; nothing was stored.
        """
        started_s = monotonic_s()
        try:
            with processing(self._name, [one.delivery for one in pile]) as deliveries:
                held_back = await self._apply(pile, deliveries)
        except Exception as cause:
            metrics.observe_processed(self._name, monotonic_s() - started_s, cause)
            raise
        metrics.observe_processed(self._name, monotonic_s() - started_s, None)
        return held_back

    async def _apply(self, pile: Sequence[Taken], deliveries: Sequence[Delivery]) -> Mapping[str, float]:
        """Apply `deliveries`, which are those of `pile` as parts of their traces, and count what became of them."""
        events = events_of(deliveries)
        async with self._database.transaction() as tx:
            await self._fence(tx)
            claimed = await inbox.claim(tx, schema=self._schema, consumer=self._name, events=events)
            # The same event may stand twice in one batch: a replay overtaking a redelivery.
            new = list({delivery.id: delivery for delivery in deliveries if delivery.id in claimed.fresh}.values())
            if new:
                await self._handler(tx, new)
            if claimed.failed:
                gone_well = {id_: events[id_] for id_ in claimed.failed}
                await inbox.forget_failures(tx, schema=self._schema, consumer=self._name, events=gone_well)
            reach("batch.applying")
        if new:
            oldest_ns = min(one.place.stored_at_ns for one in pile if one.delivery.id in claimed.fresh)
            metrics.hop_seconds.labels(self._name).observe(self._clock.now().timestamp() - oldest_ns / _NS_IN_S)
        metrics.batch_sizes.labels(self._name).observe(len(deliveries))
        waiting = sum(delivery.id in claimed.held_back for delivery in deliveries)
        metrics.outcomes.labels(self._name, "applied").inc(len(new))
        metrics.outcomes.labels(self._name, "held_back").inc(waiting)
        metrics.outcomes.labels(self._name, "repeated").inc(len(deliveries) - len(new) - waiting)
        return claimed.held_back
