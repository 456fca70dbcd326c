"""Settling a batch: what was applied is acknowledged, what failed is isolated, put back, or given up with a reason."""

import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus import metrics
from cashback.kernel.bus.answers import ACK, TERM, Answers, later
from cashback.kernel.bus.applying import Applying, Handler
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, EventMalformed
from cashback.kernel.bus.failures import DIED, Failures, Retry, has_only_died, held_back_for_s
from cashback.kernel.bus.giving_up import give_up
from cashback.kernel.bus.halving import apply_or_halve
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Place, read_delivery, read_place
from cashback.kernel.bus.piling import Taken, piles
from cashback.kernel.bus.streams import type_of
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database
from cashback.kernel.errors import Broken, Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing
from cashback.kernel.telemetry import logger

PAUSE: Final = Backoff(base_s=0.05, cap_s=2.0)
SUSPECT_FROM: Final = 10
"""From this delivery on, at which it stands alone, an event is noted before it is tried: it may be ending workers."""

_TRACEBACK_MAX: Final = 2_000

log = logger(__name__)


class Settler:
    """Applies batches for one consumer; which events have failed it learns from the database."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        *,
        schema: str,
        name: str,
        types: Collection[str],
        handler: Handler,
        batch_max: int,
        retry: Retry,
    ) -> None:
        """Apply with `handler`, under the inbox of `schema` as the consumer `name`, which knows `types`, or all."""
        self._bus = bus
        self._name = name
        self._types = types
        self._applying = Applying(database, schema=schema, name=name, handler=handler)
        self._batch_max = batch_max
        self._retry = retry
        self._clock = SystemClock()
        self.failures = Failures(database, schema=schema, consumer=name, retry=retry)
        self._failed_before: Mapping[str, Failing] = {}
        self._outages = 0
        self._broken: Broken | None = None
        self.answers = Answers(name)

    async def settle(self, messages: Sequence[Msg], link: Link | None) -> float:
        """Return when every message is acknowledged, put back or given up: seconds to pause, 0 if the world is well.

        Answers go out on `link`, on which the messages came.

        Raises:
            Broken: a handler found an invariant violated. Everything else is settled; the event to blame is noted,
                neither answered nor given up, and comes again.
        """
        reach("batch.taken")
        metrics.count_consumed(self._name, len(messages))
        outages = self._outages
        self.answers.took(messages, link)
        known = await self._leave_unknown(messages)
        taken = [await self._read(message) for message in known]
        readable = [one for one in taken if one is not None]
        again = [one.delivery for one in readable if one.place.attempt > 1]
        metrics.redelivered.labels(self._name).inc(len(again))
        try:
            # Whoever was never delivered never failed: as long as all goes well nothing is asked here.
            self._failed_before = await self.failures.of(again) if again else {}
        except Unavailable as cause:
            await self._outage(readable, cause)
        else:
            await self._settle_each(piles(readable, self._failed_before.keys(), batch_max=self._batch_max))
        if self._broken is not None:
            raise self._broken
        if self._outages == outages:
            self._outages = 0
        return PAUSE.delay_s(self._outages) if self._outages else 0.0

    async def _leave_unknown(self, messages: Sequence[Msg]) -> Sequence[Msg]:
        """Return the messages of types that are known here; the others come again, for a worker of a newer release."""
        unknown = [message for message in messages if self._types and type_of(message.subject) not in self._types]
        if not unknown:
            return messages
        log.warning("events.left", consumer=self._name, types=sorted({type_of(message.subject) for message in unknown}))
        metrics.outcomes.labels(self._name, "put_back").inc(len(unknown))
        backoff = self._retry.backoff
        await self.answers.say(
            (message, later(backoff.delay_s(read_place(message.reply).attempt))) for message in unknown
        )
        left = {message.reply for message in unknown}
        return [message for message in messages if message.reply not in left]

    async def _settle_each(self, those: Iterable[Sequence[Taken]]) -> None:
        """Settle piles one after the other, until the world fails: each of the rest would wait for the same outage."""
        outages = self._outages
        for pile in those:
            if self._outages == outages:
                await self._settle(pile)
            else:
                await self._put_back(pile)

    async def _settle(self, pile: Sequence[Taken]) -> None:
        """Settle `pile`, or put it back when the world fails meanwhile."""
        try:
            if len(pile) == 1 and pile[0].place.attempt >= SUSPECT_FROM:
                await self._try_suspect(pile[0])
            else:
                await self._try(pile)
        except Unavailable as cause:
            await self._outage(pile, cause)

    async def _try(self, pile: Sequence[Taken], *, noted: bool = False) -> None:
        """Apply `pile` in one transaction, or its halves, down to the event to blame.

        With `noted` the failure of this attempt is there already, in case there is no other end to it.

        Raises:
            Unavailable: the world failed.
        """
        blame = partial(self._failed, noted=noted)
        await apply_or_halve(self._applying, pile, answer=self._answer, blame=blame, settle=self._settle_each)

    async def _try_suspect(self, one: Taken) -> None:
        """Try an event that may be what ends its workers: they cannot say so afterwards, so it is noted before.

        Raises:
            Unavailable: the world failed.
        """
        before = self._failed_before.get(one.delivery.id)
        if before is not None and has_only_died(before, attempts_max=self._retry.attempts_max):
            await self._give_up(one, before, reason=f"{DIED}: {before.history[-1].reason}")
            return
        entry = self.failures.entry(DIED, "the worker began to apply this event and came to no end")
        noted = await self.failures.note(one.delivery, entry)
        try:
            await self._try([one], noted=noted is not None)
        except Unavailable:
            if noted is not None:
                await self.failures.take_back(one.delivery, noted)
            raise

    async def _answer(self, pile: Sequence[Taken], held_back: Mapping[str, float]) -> None:
        """Tell the broker what is done, and have what waits for another event of its key come again after that one.

        What gets lost comes again, and the inbox knows what was done.
        """
        backoff = self._retry.backoff
        await self.answers.say(
            (one.message, later(held_back_for_s(held_back[one.delivery.id], backoff=backoff)))
            if one.delivery.id in held_back
            else (one.message, ACK)
            for one in pile
        )

    async def _outage(self, pile: Sequence[Taken], cause: Unavailable) -> None:
        """Have `pile` delivered again later: the world failed, the events are not to blame."""
        self._outages += 1
        log.warning("batch.put_back", consumer=self._name, events=len(pile), reason=cause.detail)
        await self._put_back(pile)

    async def _put_back(self, pile: Sequence[Taken]) -> None:
        """Have `pile` delivered again, the later the more often it was."""
        metrics.outcomes.labels(self._name, "put_back").inc(len(pile))
        await self.answers.say((one.message, later(self._retry.backoff.delay_s(one.place.attempt))) for one in pile)

    async def _failed(self, one: Taken, cause: Exception, *, noted: bool) -> None:
        """Note that a single event failed, and put it back, or give it up when it cannot succeed or failed too often.

        Raises:
            Unavailable: it could not be noted.
        """
        entry = self.failures.entry(type(cause).__name__, str(cause))
        failing = await self.failures.note(one.delivery, entry, again=noted)
        log.warning(
            "event.failed",
            consumer=self._name,
            id=one.delivery.id,
            failures=failing.attempts if failing else None,
            traceback="".join(traceback.format_exception(cause))[-_TRACEBACK_MAX:],
        )
        if isinstance(cause, Broken):
            # An invariant is no event's fault: it is not given up, and whoever is paged finds it noted.
            self._broken = self._broken or cause
        elif failing is None:
            # Another event of its key failed with another worker meanwhile, and this one waits for it.
            await self._put_back([one])
        elif isinstance(cause, Rejected) or failing.attempts >= self._retry.attempts_max:
            await self._give_up(one, failing, reason=f"{type(cause).__name__}: {cause}")
        else:
            metrics.outcomes.labels(self._name, "put_back").inc()
            await self.answers.say([(one.message, later(max(0.0, failing.due_in_s)))])

    async def _give_up(self, one: Taken, failing: Failing, *, reason: str) -> None:
        """Store the event with the dead letters and take it out of the way of its key.

        Raises:
            Unavailable: its failures could not be forgotten; they lapse.
        """
        if await self._is_buried(one.message, one.place, failing, reason):
            await self.answers.say([(one.message, TERM)])
            await self.failures.forget(one.delivery)

    async def _is_buried(self, message: Msg, place: Place, failing: Failing, reason: str) -> bool:
        """Store a message with the dead letters; tell whether it is there, or else was put back."""
        try:
            await give_up(self._bus, message, place, failing, consumer=self._name, reason=reason)
        except BusUnavailable:
            # It must not vanish: it stays with the stream and comes again.
            await self.answers.say([(message, later(self._retry.backoff.delay_s(place.attempt)))])
            return False
        return True

    async def _read(self, message: Msg) -> Taken | None:
        """Return the message read, or None when it is no event and was given up at once."""
        place = read_place(message.reply)
        try:
            return Taken(message, place, read_delivery(message, place))
        except EventMalformed as cause:
            entry = self.failures.entry(type(cause).__name__, str(cause))
            failing = Failing(attempts=1, first_failed_at=self._clock.now(), due_in_s=0.0, history=[entry])
            if await self._is_buried(message, place, failing, f"{type(cause).__name__}: {cause}"):
                await self.answers.say([(message, TERM)])
            return None
