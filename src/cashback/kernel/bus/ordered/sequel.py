"""Settling in order: what is in hand stays there, untold, until it is applied or a dead letter.

in hand ──▶ transaction ──committed──▶ ack
   │             ├── Unavailable: the world failed, and everything waits for it here
   │             └── anything else: halved, until one event is left, which is noted
   ├── the key of an event that failed waits until it is due again; other keys go on
   └── that of one whose type is not known here waits for a newer worker, which begins behind the same floor
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus.answers import ACK, TERM, Answers
from cashback.kernel.bus.applying import Applying
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import BusUnavailable, EventMalformed
from cashback.kernel.bus.failures import Failures, Retry, held_back_for_s, told_as
from cashback.kernel.bus.giving_up import give_up
from cashback.kernel.bus.leaving import tell_of_left, unknown_of
from cashback.kernel.bus.link import Link
from cashback.kernel.bus.message import Place, read_delivery
from cashback.kernel.bus.piling import Taken
from cashback.kernel.bus.trying import Ends, Trying
from cashback.kernel.clock import monotonic_s
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing

HAND_MAX: Final = 1_024
"""Events in hand from which on no more are taken: keys that wait fill it up, and in the end hold up their partition."""


class Sequel:
    """What one partition brings, applied in its order, for as long as one tenure and one connection last."""

    def __init__(  # noqa: PLR0913 - what a partition is worked off with, each by name
        self,
        bus: Bus,
        applying: Applying,
        failures: Failures,
        *,
        name: str,
        types: tuple[str, ...],
        retry: Retry,
        link: Link,
        batch_max: int,
        suspect_to: int,
    ) -> None:
        """Apply what is of `types` with `applying`, and answer on `link`.

        Up to `suspect_to` events may have ended the worker before.
        """
        self._bus = bus
        self._failures = failures
        self._trying = Trying(
            applying,
            failures,
            Ends(answer=self._answer, settle=self._settle_each, wait=self._wait, give_up=self._give_up),
            consumer=name,
            attempts_max=retry.attempts_max,
        )
        self._name = name
        self._types = types
        self._retry = retry
        self._link = link
        self._batch_max = batch_max
        self._suspect_to = suspect_to
        self._hand: list[Taken] = []
        self._due_at_s: dict[str, float] = {}
        self._left_from: dict[str, int] = {}
        self.answers = Answers(name)

    @property
    def has_room(self) -> bool:
        """Tell whether more may be taken."""
        return len(self._hand) < HAND_MAX

    def left(self) -> int:
        """Return how many events in hand are of types that this worker does not know."""
        return sum(one.delivery.type not in self._types for one in self._hand) if self._left_from else 0

    async def take(self, messages: Sequence[tuple[Msg, Place]]) -> None:
        """Have more in hand, as the stream has it; what is no event is a dead letter at once.

        Raises:
            BusUnavailable: it could not be buried, and holds up what stands behind it.
        """
        if messages:
            reach("batch.taken")
        self.answers.took([*self.answers.open, *(message for message, _ in messages)], self._link)
        unknown = unknown_of({message.subject for message, _ in messages}, self._types)
        if unknown:
            tell_of_left(self._name, unknown)
        for message, place in messages:
            try:
                one = Taken(message, place, read_delivery(message, place))
            except EventMalformed as cause:
                await self._bury_unread(message, place, cause)
                continue
            self._hand.append(one)
            if message.subject in unknown:
                self._left_from.setdefault(one.delivery.key, place.sequence)

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
        if key in self._left_from and one.place.sequence >= self._left_from[key]:
            return False
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
            before = await self._failures.of([pile[0].delivery])
            await self._trying.try_suspect(pile[0], before.get(pile[0].delivery.id))
        elif pile:
            await self._trying.try_pile(pile)

    async def _answer(self, pile: Sequence[Taken], held_back: Mapping[str, float]) -> None:
        """Acknowledge what was applied; what waits for an event that failed before stays in hand until that is due."""
        done = [one for one in pile if one.delivery.id not in held_back]
        for one in pile:
            if one.delivery.id in held_back:
                self._hold_back(one, held_back_for_s(held_back[one.delivery.id], backoff=self._retry.backoff))
        for one in done:
            # What it held back goes on at once.
            self._due_at_s.pop(one.delivery.key, None)
        await self._let_go(done, ACK)

    async def _wait(self, one: Taken, failing: Failing | None) -> None:
        """Have the key of an event that failed wait until that is due.

        Without a failure of its own, one that is not in hand any more holds its key back, until that lapses.
        """
        self._hold_back(one, self._retry.backoff.delay_s(1) if failing is None else max(0.0, failing.due_in_s))

    async def _give_up(self, one: Taken, failing: Failing, reason: str) -> None:
        """Store the event with the dead letters and let its key go on; where there is no room for it the key waits."""
        try:
            await give_up(self._bus, one.message, one.place, failing, consumer=self._name, reason=reason)
        except BusUnavailable:
            self._hold_back(one, self._retry.backoff.delay_s(failing.attempts))
            return
        await self._failures.forget(one.delivery)
        self._due_at_s.pop(one.delivery.key, None)
        await self._let_go([one], TERM)

    def _hold_back(self, one: Taken, wait_s: float) -> None:
        """Have the key of an event wait for so long."""
        self._due_at_s[one.delivery.key] = monotonic_s() + wait_s

    async def _let_go(self, those: Sequence[Taken], word: bytes) -> None:
        """Have `those` in hand no more, and tell the broker."""
        gone = {one.message.reply for one in those}
        self._hand = [one for one in self._hand if one.message.reply not in gone]
        await self.answers.say((one.message, word) for one in those)

    async def _bury_unread(self, message: Msg, place: Place, cause: EventMalformed) -> None:
        """Store what is no event with the dead letters."""
        failing = self._failures.unread(cause)
        await give_up(self._bus, message, place, failing, consumer=self._name, reason=told_as(cause))
        await self.answers.say([(message, TERM)])
