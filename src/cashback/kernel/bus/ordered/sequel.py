"""Settling in order: what is in hand stays there, untold, until it is applied or a dead letter.

in hand ──▶ transaction ──committed──▶ ack
   │             ├── Unavailable: the world failed, and everything waits for it here
   │             └── anything else: halved, until one event is left, which is noted
   └── the key of an event that failed waits until it is due again; other keys go on
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus.answers import ACK, TERM, Answers
from cashback.kernel.bus.applying import Applying
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, EventMalformed
from cashback.kernel.bus.failures import DIED, Failures, Retry, has_only_died, held_back_for_s
from cashback.kernel.bus.giving_up import give_up
from cashback.kernel.bus.halving import apply_or_halve
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Place, read_delivery
from cashback.kernel.bus.piling import Taken
from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.errors import Broken, Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing
from cashback.kernel.telemetry import logger

HAND_MAX: Final = 1_024
"""Events in hand from which on no more are taken: keys that wait fill it up, and in the end hold up their partition."""

_TRACEBACK_MAX: Final = 2_000

log = logger(__name__)


class Sequel:
    """What one partition brings, applied in its order, for as long as one tenure and one connection last."""

    def __init__(
        self,
        bus: Bus,
        applying: Applying,
        failures: Failures,
        *,
        name: str,
        retry: Retry,
        link: Link,
        batch_max: int,
        suspect_to: int,
    ) -> None:
        """Apply with `applying`, and answer on `link`; up to `suspect_to` events may have ended the worker before."""
        self._bus = bus
        self._applying = applying
        self._failures = failures
        self._name = name
        self._retry = retry
        self._link = link
        self._batch_max = batch_max
        self._suspect_to = suspect_to
        self._hand: list[Taken] = []
        self._due_at_s: dict[str, float] = {}
        self._clock = SystemClock()
        self.answers = Answers(name)

    @property
    def has_room(self) -> bool:
        """Tell whether more may be taken."""
        return len(self._hand) < HAND_MAX

    async def take(self, messages: Sequence[tuple[Msg, Place]]) -> None:
        """Have more in hand, as the stream has it; what is no event is a dead letter at once.

        Raises:
            BusUnavailable: it could not be buried, and holds up what stands behind it.
        """
        if messages:
            reach("batch.taken")
        self.answers.took([*self.answers.open, *(message for message, _ in messages)], self._link)
        for message, place in messages:
            try:
                self._hand.append(Taken(message, place, read_delivery(message, place)))
            except EventMalformed as cause:
                await self._bury_unread(message, place, cause)

    async def turn(self) -> None:
        """Apply what is in hand and need not wait for another event of its key.

        Raises:
            Unavailable: the world failed, or the partition is lost; what was not applied is still in hand.
            Broken: a handler found an invariant violated; the event to blame is noted, and is not answered.
        """
        while piles := self._ready():
            await self._settle_each(piles)

    def _ready(self) -> list[list[Taken]]:
        """Return what may be applied, in order: events that failed alone, and each suspect alone."""
        piles: list[list[Taken]] = []
        for one in self._hand:
            if not self._may(one):
                continue
            if self._is_alone(one) or not piles or len(piles[-1]) >= self._batch_max or self._is_alone(piles[-1][0]):
                piles.append([one])
            else:
                piles[-1].append(one)
        return piles

    def _may(self, one: Taken) -> bool:
        """Tell whether no event of its key waits, or it is the first that does and is due."""
        key = one.delivery.key
        if key not in self._due_at_s:
            return True
        first = next(other for other in self._hand if other.delivery.key == key)
        return first is one and self._due_at_s[key] <= monotonic_s()

    def _is_alone(self, one: Taken) -> bool:
        """Tell whether an event shares its transaction with no other."""
        return self._is_suspect(one) or one.delivery.key in self._due_at_s

    def _is_suspect(self, one: Taken) -> bool:
        """Tell whether it was in somebody's hand before: its worker may have ended by it."""
        return one.place.sequence <= self._suspect_to

    async def _settle_each(self, those: Iterable[Sequence[Taken]]) -> None:
        """Settle piles one after the other, in their order."""
        for pile in those:
            await self._settle(pile)

    async def _settle(self, pile: Sequence[Taken]) -> None:
        """Settle `pile`; of the keys of which an event fails on the way, the rest waits."""
        pile = [one for one in pile if self._may(one)]
        if len(pile) == 1 and self._is_suspect(pile[0]):
            await self._try_suspect(pile[0])
        elif pile:
            await self._try(pile)

    async def _try(self, pile: Sequence[Taken], *, noted: bool = False) -> None:
        """Apply `pile` in one transaction, or its halves, down to the event to blame.

        With `noted` the failure of this attempt is there already, in case there is no other end to it.
        """
        blame = partial(self._failed, noted=noted)
        await apply_or_halve(self._applying, pile, answer=self._answer, blame=blame, settle=self._settle_each)

    async def _try_suspect(self, one: Taken) -> None:
        """Note an event as having ended its worker before it is tried: afterwards there may be nobody to do it."""
        before = (await self._failures.of([one.delivery])).get(one.delivery.id)
        if before is not None and has_only_died(before, attempts_max=self._retry.attempts_max):
            await self._give_up(one, before, reason=f"{DIED}: {before.history[-1].reason}")
            return
        entry = self._failures.entry(DIED, "the worker began to apply this event and came to no end")
        noted = await self._failures.note(one.delivery, entry)
        try:
            await self._try([one], noted=noted is not None)
        except Unavailable:
            if noted is not None:
                await self._failures.take_back(one.delivery, noted)
            raise

    async def _answer(self, pile: Sequence[Taken], held_back: Mapping[str, float]) -> None:
        """Acknowledge what was applied; what waits for an event that failed before stays in hand until that is due."""
        done = [one for one in pile if one.delivery.id not in held_back]
        for one in pile:
            if one.delivery.id in held_back:
                wait_s = held_back_for_s(held_back[one.delivery.id], backoff=self._retry.backoff)
                self._due_at_s[one.delivery.key] = monotonic_s() + wait_s
        for one in done:
            # What it held back goes on at once.
            self._due_at_s.pop(one.delivery.key, None)
        await self._let_go(done, ACK)

    async def _failed(self, one: Taken, cause: Exception, *, noted: bool) -> None:
        """Note that a single event failed, and have its key wait, or give it up when it failed for good."""
        entry = self._failures.entry(type(cause).__name__, str(cause))
        failing = await self._failures.note(one.delivery, entry, again=noted)
        log.warning(
            "event.failed",
            consumer=self._name,
            id=one.delivery.id,
            failures=failing.attempts if failing else None,
            traceback="".join(traceback.format_exception(cause))[-_TRACEBACK_MAX:],
        )
        if isinstance(cause, Broken):
            raise cause
        if failing is None:
            # An event that is not in hand any more holds back its key until that lapses.
            self._wait(one, self._retry.backoff.delay_s(1))
        elif isinstance(cause, Rejected) or failing.attempts >= self._retry.attempts_max:
            await self._give_up(one, failing, reason=f"{type(cause).__name__}: {cause}")
        else:
            self._wait(one, max(0.0, failing.due_in_s))

    async def _give_up(self, one: Taken, failing: Failing, *, reason: str) -> None:
        """Store the event with the dead letters and let its key go on; where there is no room for it the key waits."""
        try:
            await give_up(self._bus, one.message, one.place, failing, consumer=self._name, reason=reason)
        except BusUnavailable:
            self._wait(one, self._retry.backoff.delay_s(failing.attempts))
            return
        await self._failures.forget(one.delivery)
        self._due_at_s.pop(one.delivery.key, None)
        await self._let_go([one], TERM)

    def _wait(self, one: Taken, wait_s: float) -> None:
        """Have the key of an event wait for so long."""
        self._due_at_s[one.delivery.key] = monotonic_s() + wait_s

    async def _let_go(self, those: Sequence[Taken], word: bytes) -> None:
        """Have `those` in hand no more, and tell the broker."""
        gone = {one.message.reply for one in those}
        self._hand = [one for one in self._hand if one.message.reply not in gone]
        await self.answers.say((one.message, word) for one in those)

    async def _bury_unread(self, message: Msg, place: Place, cause: EventMalformed) -> None:
        """Store what is no event with the dead letters."""
        entry = self._failures.entry(type(cause).__name__, str(cause))
        failing = Failing(attempts=1, first_failed_at=self._clock.now(), due_in_s=0.0, history=[entry])
        reason = f"{type(cause).__name__}: {cause}"
        await give_up(self._bus, message, place, failing, consumer=self._name, reason=reason)
        await self.answers.say([(message, TERM)])
