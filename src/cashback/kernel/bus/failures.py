"""What a consumer failed to apply: noted in the inbox's schema, counted over workers and restarts, told in full.

A failure is noted in a transaction of its own, after the one that failed was rolled back, and before the broker is
answered. Where it cannot be noted the world failed, and nothing is counted: nobody is given up by a count that was not
stored.
"""

import os
import platform
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from cashback.kernel import inbox
from cashback.kernel.bus.backoff import Backoff
from cashback.kernel.bus.frame import header_value
from cashback.kernel.bus.message import Delivery, rfc3339
from cashback.kernel.clock import SystemClock
from cashback.kernel.db import Database, Tx
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Entry, Failing

DIED: Final = "WorkerDied"
"""The failure of an event whose worker began to apply it and never came to an end of any kind."""
HISTORY_HEADER_MAX: Final = 4_096
"""Bytes of a history in the header of a dead letter, as they are sent."""
FORGET_AFTER_S: Final = inbox.LAPSES_AFTER_S + 3_600

_ERROR_MAX: Final = 100
_REASON_MAX: Final = 300
_WORKER_MAX: Final = 100


Fence: TypeAlias = Callable[[Tx], Awaitable[None]]
"""The first word of a transaction: it raises where this worker may not (any more) store anything."""


async def unfenced(_: Tx) -> None:
    """Let every worker of a consumer store what it did: they share the work."""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How often an event may fail, with all workers together, before it is given up, and how far apart.

    Outages do not count.
    """

    attempts_max: int = 5
    backoff: Backoff = Backoff(base_s=0.5, cap_s=30.0)


class Failures:
    """The failures of one consumer, whichever of its workers saw them."""

    def __init__(
        self, database: Database, *, schema: str, consumer: str, retry: Retry, fence: Fence = unfenced
    ) -> None:
        """Note what `consumer` fails on beside the inbox of `schema`, behind `fence`."""
        self._database = database
        self._schema = schema
        self._consumer = consumer
        self._retry = retry
        self._fence = fence
        self._clock = SystemClock()
        self._worker = f"{platform.node()}:{os.getpid()}"[:_WORKER_MAX]

    async def of(self, deliveries: Sequence[Delivery]) -> dict[str, Failing]:
        """Return by id which of these have failed before.

        Raises:
            DatabaseUnavailable: the world failed.
        """
        async with self._database.transaction() as tx:
            await self._fence(tx)
            return await inbox.failing(tx, schema=self._schema, consumer=self._consumer, events=events_of(deliveries))

    async def note(self, delivery: Delivery, entry: Entry, *, again: bool = False) -> Failing | None:
        """Note a failure and return all of them; None when another event holds the key back, and this one waits.

        With `again` it takes the place of the last one.

        Raises:
            DatabaseUnavailable: the world failed, and nothing is known to be counted.
        """
        waits_s = [self._retry.backoff.delay_s(number) for number in range(1, self._retry.attempts_max + 1)]
        async with self._database.transaction() as tx:
            await self._fence(tx)
            failing = await inbox.note_failure(
                tx,
                schema=self._schema,
                consumer=self._consumer,
                key=delivery.key,
                event_id=delivery.id,
                entry=entry,
                waits_s=waits_s,
                again=again,
            )
        reach("failure.noted")
        return failing

    async def take_back(self, delivery: Delivery, failing: Failing) -> None:
        """Take back the last failure of those that `note` returned: it was none of the event's.

        Raises:
            DatabaseUnavailable: the world failed.
        """
        if failing.attempts == 1:
            await self.forget(delivery)
            return
        async with self._database.transaction() as tx:
            await self._fence(tx)
            await inbox.take_back_failure(
                tx, schema=self._schema, consumer=self._consumer, key=delivery.key, event_id=delivery.id
            )

    async def forget(self, delivery: Delivery) -> None:
        """Forget that an event failed: it was given up, and its key goes on.

        Raises:
            DatabaseUnavailable: the world failed; the failure lapses by itself.
        """
        events = {delivery.id: delivery.key}
        async with self._database.transaction() as tx:
            await self._fence(tx)
            await inbox.forget_failures(tx, schema=self._schema, consumer=self._consumer, events=events)

    async def forget_lapsed(self) -> int:
        """Forget those whose event does not come again, an hour after they lapsed; return how many.

        Raises:
            DatabaseUnavailable: the world failed.
        """
        async with self._database.transaction() as tx:
            await self._fence(tx)
            return await inbox.forget_lapsed(tx, schema=self._schema, consumer=self._consumer, after_s=FORGET_AFTER_S)

    async def standing(self) -> tuple[int, float]:
        """Return how many keys are held back, and for how long the first of them has been (s).

        Raises:
            DatabaseUnavailable: the world failed.
        """
        async with self._database.transaction() as tx:
            return await inbox.standing(tx, schema=self._schema, consumer=self._consumer)

    def unread(self, cause: Exception) -> Failing:
        """Return the failure of what is no event, its first and last: nothing is noted of what has no id and no key."""
        entry = self.entry(type(cause).__name__, str(cause))
        return Failing(attempts=1, first_failed_at=self._clock.now(), due_in_s=0.0, history=[entry])

    def entry(self, error: str, reason: str) -> Entry:
        """Return a failure of now and here, as it can be stored and shown."""
        return Entry(
            at=rfc3339(self._clock.now()),
            error=_storable(error)[:_ERROR_MAX],
            reason=_storable(reason)[:_REASON_MAX],
            worker=self._worker,
        )


def has_only_died(failing: Failing, *, attempts_max: int) -> bool:
    """Tell whether an event took its worker down as often as one may fail, and nothing else is known of it."""
    return failing.attempts >= attempts_max and all(entry.error == DIED for entry in failing.history)


def told_as(cause: Exception) -> str:
    """Return what a dead letter says of what its event failed on.

    >>> told_as(ValueError("no such user"))
    'ValueError: no such user'
    """
    return f"{type(cause).__name__}: {cause}"


def told(history: Collection[Entry]) -> str:
    """Return a history as JSON for a header of at most 4 KiB: reasons are cut where it would be longer."""
    reason_max = _REASON_MAX
    while True:
        entries = [msgspec.structs.replace(entry, reason=entry.reason[:reason_max]) for entry in history]
        text = msgspec.json.encode(entries).decode()
        if len(header_value(text)) <= HISTORY_HEADER_MAX or reason_max == 0:
            return text
        reason_max //= 2


def held_back_for_s(due_in_s: float, *, backoff: Backoff) -> float:
    """Return how long to put back what waits for an event that is due in so many seconds.

    Until a little after it, so that it has been tried by then; what is overdue is looked for later and later.
    """
    return min(abs(due_in_s), backoff.cap_s) + backoff.delay_s(1)


def events_of(deliveries: Sequence[Delivery]) -> Mapping[str, str]:
    """Return keys by ids."""
    return {delivery.id: delivery.key for delivery in deliveries}


def _storable(text: str) -> str:
    """Return `text` as PostgreSQL can hold it in JSON: without zeros and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
