"""Settling a batch: what was applied is acknowledged, what failed is isolated, put back, or given up with a reason."""

import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec
from nats.aio.msg import Msg
from prometheus_client import Counter, Histogram

from cashback.kernel import inbox
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.dead_letters import Death, bury
from cashback.kernel.bus.errors import BusUnavailable, EventMalformed
from cashback.kernel.bus.frame import publish_frame
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Delivery, Place, read_delivery, read_place
from cashback.kernel.bus.tracing import processing
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.telemetry import logger

Handler: TypeAlias = Callable[[Tx, Sequence[Delivery]], Awaitable[None]]

FAILURES_REMEMBERED_MAX: Final = 10_000
PAUSE: Final = Backoff(base_s=0.05, cap_s=2.0)

_NS_IN_S: Final = 1_000_000_000
_REASON_MAX: Final = 500
_TRACEBACK_MAX: Final = 2_000
_WHOLE_BATCH_ATTEMPTS: Final = 2

log = logger(__name__)
batch_sizes = Histogram(
    "cashback_consumer_batch_events",
    "events in one transaction",
    ["consumer"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
handler_seconds = Histogram("cashback_consumer_transaction_seconds", "inbox, handler and commit", ["consumer"])
outcomes = Counter("cashback_consumer_events", "what became of deliveries", ["consumer", "outcome"])
redelivered = Counter("cashback_consumer_redelivered", "deliveries that were not the first", ["consumer"])


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often an event may fail in one process before it is given up, and how far apart; outages do not count.

    The count is kept in memory: not shared among the processes of a consumer, and gone with a restart. The broker's own
    count is no substitute, since outages raise it.
    """

    attempts_max: int = 5
    backoff: Backoff = Backoff(base_s=0.5, cap_s=30.0)


class Taken(msgspec.Struct, frozen=True):
    """A delivered message, read."""

    message: Msg
    place: Place
    delivery: Delivery


class Failure(msgspec.Struct, frozen=True):
    """How often an event has failed for reasons of its own, and since when."""

    count: int
    since: datetime


class Settler:
    """Applies batches for one consumer and remembers which events have failed."""

    def __init__(
        self, bus: Bus, database: Database, *, schema: str, name: str, handler: Handler, batch_max: int, retry: Retry
    ) -> None:
        """Apply with `handler`, under the inbox of `schema` as the consumer `name`."""
        self._bus = bus
        self._database = database
        self._schema = schema
        self._name = name
        self._handler = handler
        self._batch_max = batch_max
        self._retry = retry
        self._failures: dict[int, Failure] = {}
        self._outages = 0
        self._link: Link | None = None
        self._clock = SystemClock()

    async def settle(self, messages: Sequence[Msg], link: Link | None) -> float:
        """Return when every message is acknowledged, put back or given up: seconds to pause, 0 if the world is well.

        Answers go out on `link`, on which the messages came, or not at all: behind a new one there may be a wiped
        broker, in which the same numbers name other events.

        Raises:
            Broken: a handler found an invariant violated.
        """
        reach("batch.taken")
        outages = self._outages
        self._link = link
        taken = [await self._read(message) for message in messages]
        readable = [one for one in taken if one is not None]
        redelivered.labels(self._name).inc(sum(one.place.attempt > 1 for one in readable))
        await self._settle_each(piles(readable, self._failures.keys(), batch_max=self._batch_max))
        if self._outages == outages:
            self._outages = 0
        return PAUSE.delay_s(self._outages) if self._outages else 0.0

    async def _settle_each(self, those: Iterable[Sequence[Taken]]) -> None:
        """Settle piles one after the other, until the world fails: each of the rest would wait for the same outage."""
        outages = self._outages
        for pile in those:
            if self._outages == outages:
                await self._settle(pile)
            else:
                await self._put_back(pile)

    async def _settle(self, pile: Sequence[Taken]) -> None:
        """Apply `pile` in one transaction; if that fails for a reason of its own, halve it down to the one to blame."""
        try:
            with processing(self._name, [one.delivery for one in pile]) as deliveries:
                await self._apply(deliveries)
        except Unavailable as cause:
            self._outages += 1
            log.warning("batch.put_back", consumer=self._name, events=len(pile), reason=cause.detail)
            await self._put_back(pile)
        except Broken:
            raise
        except Exception as cause:  # noqa: BLE001 - a handler may fail in any way, and the consumer outlives it
            if len(pile) == 1:
                await self._failed(pile[0], cause)
            else:
                await self._settle_each([pile[: len(pile) // 2], pile[len(pile) // 2 :]])
        else:
            reach("batch.applied")
            await self._acknowledge(pile)
            reach("batch.answered")

    async def _apply(self, deliveries: Sequence[Delivery]) -> None:
        """Have the handler apply, in one transaction with the inbox, those deliveries that were not applied before."""
        started_s = monotonic_s()
        async with self._database.transaction() as tx:
            ids = [delivery.id for delivery in deliveries]
            fresh = await inbox.claim(tx, schema=self._schema, consumer=self._name, event_ids=ids)
            # The same event may stand twice in one batch: a replay overtaking a redelivery.
            new = list({delivery.id: delivery for delivery in deliveries if delivery.id in fresh}.values())
            if new:
                await self._handler(tx, new)
            reach("batch.applying")
        handler_seconds.labels(self._name).observe(monotonic_s() - started_s)
        batch_sizes.labels(self._name).observe(len(deliveries))
        outcomes.labels(self._name, "applied").inc(len(new))
        outcomes.labels(self._name, "repeated").inc(len(deliveries) - len(new))

    async def _acknowledge(self, pile: Sequence[Taken]) -> None:
        """Tell the broker that `pile` is done; if that gets lost it comes again and the inbox knows it."""
        for one in pile:
            self._failures.pop(one.place.sequence, None)
        await self._answer((one.message, b"+ACK") for one in pile)

    async def _put_back(self, pile: Sequence[Taken]) -> None:
        """Have `pile` delivered again later: the world failed, the events are not to blame."""
        outcomes.labels(self._name, "put_back").inc(len(pile))
        await self._answer((one.message, self._later(one.place.attempt)) for one in pile)

    async def _failed(self, one: Taken, cause: Exception) -> None:
        """Put a single failed event back, or give it up when it has failed often enough or can never succeed."""
        before = self._failures.get(one.place.sequence)
        failure = Failure(1, self._clock.now()) if before is None else Failure(before.count + 1, before.since)
        if isinstance(cause, Rejected) or failure.count >= self._retry.attempts_max:
            await self._give_up(one.message, one.place, failure=failure, cause=cause)
            return
        self._remember(one.place.sequence, failure)
        log.warning(
            "event.failed",
            consumer=self._name,
            id=one.delivery.id,
            failures=failure.count,
            traceback="".join(traceback.format_exception(cause))[-_TRACEBACK_MAX:],
        )
        outcomes.labels(self._name, "put_back").inc()
        await self._answer([(one.message, self._later(failure.count))])

    async def _give_up(self, message: Msg, place: Place, *, failure: Failure, cause: Exception) -> None:
        """Store the event with the dead letters and take it out of the consumer's way."""
        death = Death(
            reason=f"{type(cause).__name__}: {cause}"[:_REASON_MAX],
            consumer=self._name,
            attempts=failure.count,
            first_failed_at=failure.since,
            sequence=place.sequence,
        )
        try:
            await bury(self._bus, message, death=death)
        except BusUnavailable:
            # It must not vanish: it stays with the stream and comes again.
            self._remember(place.sequence, failure)
            await self._answer([(message, self._later(place.attempt))])
            return
        reach("letter.buried")
        self._failures.pop(place.sequence, None)
        log.error("event.given_up", consumer=self._name, sequence=place.sequence, reason=death.reason)
        outcomes.labels(self._name, "dead").inc()
        await self._answer([(message, b"+TERM dead letter")])

    async def _read(self, message: Msg) -> Taken | None:
        """Return the message read, or None when it is no event and was given up at once."""
        place = read_place(message.reply)
        try:
            return Taken(message, place, read_delivery(message, place))
        except EventMalformed as cause:
            await self._give_up(message, place, failure=Failure(1, self._clock.now()), cause=cause)
            return None

    def _remember(self, sequence: int, failure: Failure) -> None:
        """Note a failure; the oldest is forgotten when there are too many, and merely begins to count anew."""
        self._failures.pop(sequence, None)
        self._failures[sequence] = failure
        if len(self._failures) > FAILURES_REMEMBERED_MAX:
            del self._failures[next(iter(self._failures))]

    def _later(self, attempt: int) -> bytes:
        """Return the negative acknowledgement that asks for a delivery after a while."""
        delay_ns = int(self._retry.backoff.delay_s(attempt) * _NS_IN_S)
        return b'-NAK {"delay": %d}' % delay_ns

    async def _answer(self, answers: Iterable[tuple[Msg, bytes]]) -> None:
        """Send answers to deliveries; where the connection is lost the broker's own deadline does the rest."""
        if self._link is None:
            return
        try:
            await self._link.send([publish_frame(message.reply, word) for message, word in answers])
        except BusUnavailable as cause:
            log.warning("acknowledgements.lost", consumer=self._name, reason=cause.detail)


def piles(taken: Sequence[Taken], failed: Iterable[int], *, batch_max: int) -> list[list[Taken]]:
    """Return what may share a transaction: known failures each alone, and the older the smaller the pile.

    An event that only ever fails as a lock or a statement timing out looks like an outage; with each attempt it shares
    its transaction with half as many others.
    """
    suspects = set(failed)
    ages: dict[int, list[Taken]] = {}
    for one in sorted(taken, key=lambda one: one.place.sequence):
        if one.place.sequence not in suspects:
            ages.setdefault(max(0, one.place.attempt - _WHOLE_BATCH_ATTEMPTS), []).append(one)
    together: list[list[Taken]] = []
    for age in sorted(ages):
        size = max(1, batch_max >> age)
        together += [ages[age][start : start + size] for start in range(0, len(ages[age]), size)]
    return together + [[one] for one in taken if one.place.sequence in suspects]


async def put_back_now(link: Link | None, messages: Sequence[Msg]) -> None:
    """Have messages delivered again at once, to whoever asks; lost answers are made up for by the broker's deadline."""
    if link is None or not messages:
        return
    try:
        await link.send([publish_frame(message.reply, b"-NAK") for message in messages])
    except BusUnavailable:
        return
