"""Leaving: what a worker does not know the type of is put back, for one of a newer release.

    unknown ──put back──▶ due ──came again──▶ put back ...
                           └── not to this worker, within 5 s: somebody else has it, or it is applied

Each of them takes one of the deliveries that a durable may have unanswered (`durable.ACK_PENDING_MAX`), and when those
are used up nothing else is delivered either. So a worker tells how many it has left.
"""

from collections.abc import Collection, Sequence
from typing import Final

from nats.aio.msg import Msg

from cashback.kernel.bus import metrics
from cashback.kernel.bus.answers import Answers, later
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.message import read_place
from cashback.kernel.bus.streams import type_of
from cashback.kernel.clock import monotonic_s
from cashback.kernel.telemetry import logger

LATE_S: Final = 5.0
"""How long after it was due an event that was left may come again, and counts until then.

A worker that is busy takes it late, and a count that fell to nothing meanwhile would end the alert over and over. The
price: one that goes to another worker counts with both for as long, so all workers' counts tell what waits at most.
"""

log = logger(__name__)


class Leaving:
    """What one worker has left, each event until it would have come again."""

    def __init__(self, consumer: str, types: Collection[str], *, backoff: Backoff) -> None:
        """Leave what is not of `types`, or nothing where none is named, for as long as `backoff` says."""
        self._consumer = consumer
        self._types = types
        self._backoff = backoff
        self._until_s: dict[int, float] = {}

    async def leave_unknown(self, messages: Sequence[Msg], answers: Answers) -> Sequence[Msg]:
        """Return the messages of types that are known here, and put the others back."""
        unknown = unknown_of({message.subject for message in messages}, self._types)
        if not unknown:
            return messages
        tell_of_left(self._consumer, unknown)
        put_back: list[tuple[Msg, bytes]] = []
        for message in messages:
            if message.subject in unknown:
                place = read_place(message.reply)
                wait_s = self._backoff.delay_s(place.attempt)
                self._until_s[place.sequence] = monotonic_s() + wait_s + LATE_S
                put_back.append((message, later(wait_s)))
        metrics.outcomes.labels(self._consumer, "put_back").inc(len(put_back))
        await answers.say(put_back)
        return [message for message in messages if message.subject not in unknown]

    def count(self) -> int:
        """Return how many events were left and are not known to be somebody else's by now."""
        now_s = monotonic_s()
        self._until_s = {sequence: until_s for sequence, until_s in self._until_s.items() if until_s > now_s}
        return len(self._until_s)


def unknown_of(subjects: Collection[str], types: Collection[str]) -> frozenset[str]:
    """Return those of `subjects` whose events are of none of `types`; none where no type is named."""
    return frozenset(subject for subject in subjects if types and type_of(subject) not in types)


def tell_of_left(consumer: str, subjects: Collection[str]) -> None:
    """Log which types a worker came across and does not know."""
    log.warning("events.left", consumer=consumer, types=sorted({type_of(subject) for subject in subjects}))
