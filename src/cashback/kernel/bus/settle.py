"""Settling a batch: what was applied is acknowledged, what failed is isolated, put back, or given up with a reason."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus import metrics
from cashback.kernel.bus.answers import ACK, TERM, Answers, later
from cashback.kernel.bus.applying import Applying, Handler
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, EventMalformed
from cashback.kernel.bus.failures import Failures, Retry, held_back_for_s, told_as
from cashback.kernel.bus.giving_up import give_up
from cashback.kernel.bus.leaving import Leaving
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Place, read_delivery, read_place
from cashback.kernel.bus.piling import Taken, piles
from cashback.kernel.bus.trying import Ends, Trying
from cashback.kernel.db import Database
from cashback.kernel.errors import Broken, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing
from cashback.kernel.telemetry import logger

PAUSE: Final = Backoff(base_s=0.05, cap_s=2.0)
SUSPECT_FROM: Final = 10
"""From this delivery on, at which it stands alone, an event is noted before it is tried: it may be ending workers."""

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
        self._batch_max = batch_max
        self._retry = retry
        self.failures = Failures(database, schema=schema, consumer=name, retry=retry)
        self._trying = Trying(
            Applying(database, schema=schema, name=name, handler=handler),
            self.failures,
            Ends(answer=self._answer, settle=self._settle_each, wait=self._wait, give_up=self._give_up),
            consumer=name,
            attempts_max=retry.attempts_max,
        )
        self._failed_before: Mapping[str, Failing] = {}
        self._outages = 0
        self._broken: Broken | None = None
        self.answers = Answers(name)
        self.leaving = Leaving(name, types, backoff=retry.backoff)

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
        readable = await self._read(await self.leaving.leave_unknown(messages, self.answers))
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

    async def _settle_each(self, those: Iterable[Sequence[Taken]]) -> None:
        """Settle piles one after the other, until the world fails: each of the rest would wait for the same outage."""
        outages = self._outages
        for pile in those:
            if self._outages == outages:
                await self._settle(pile)
            else:
                await self._put_back(pile)

    async def _settle(self, pile: Sequence[Taken]) -> None:
        """Settle `pile`, or put it back when the world fails meanwhile; that an invariant failed is told at the end."""
        try:
            if len(pile) == 1 and pile[0].place.attempt >= SUSPECT_FROM:
                await self._trying.try_suspect(pile[0], self._failed_before.get(pile[0].delivery.id))
            else:
                await self._trying.try_pile(pile)
        except Unavailable as cause:
            await self._outage(pile, cause)
        except Broken as cause:
            self._broken = self._broken or cause

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

    async def _wait(self, one: Taken, failing: Failing | None) -> None:
        """Put an event back that failed, until it is due; without a failure of its own it waits for one of its key."""
        if failing is None:
            await self._put_back([one])
            return
        metrics.outcomes.labels(self._name, "put_back").inc()
        await self.answers.say([(one.message, later(max(0.0, failing.due_in_s)))])

    async def _give_up(self, one: Taken, failing: Failing, reason: str) -> None:
        """Store the event with the dead letters and take it out of the way of its key.

        Raises:
            Unavailable: its failures could not be forgotten; they lapse.
        """
        if await self._bury(one.message, one.place, failing, reason):
            await self.failures.forget(one.delivery)

    async def _bury(self, message: Msg, place: Place, failing: Failing, reason: str) -> bool:
        """Store a message with the dead letters and answer it; tell whether it is there, or else was put back."""
        try:
            await give_up(self._bus, message, place, failing, consumer=self._name, reason=reason)
        except BusUnavailable:
            # It must not vanish: it stays with the stream and comes again.
            await self.answers.say([(message, later(self._retry.backoff.delay_s(place.attempt)))])
            return False
        await self.answers.say([(message, TERM)])
        return True

    async def _read(self, messages: Sequence[Msg]) -> list[Taken]:
        """Return the messages read, without those that are no events, which are given up at once."""
        readable: list[Taken] = []
        for message in messages:
            place = read_place(message.reply)
            try:
                readable.append(Taken(message, place, read_delivery(message, place)))
            except EventMalformed as cause:
                await self._bury(message, place, self.failures.unread(cause), told_as(cause))
        return readable
