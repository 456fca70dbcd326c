"""Trying: a pile in one transaction, or its halves, down to the one event that is to blame, whose failure is noted.

pile ──applied──▶ answered
  ├── Unavailable: the world failed, and no event is to blame
  └── anything else: halves ──▶ one event: noted ──▶ once more later, or given up
suspect: noted as having ended its worker, and then tried, alone ──Unavailable──▶ taken back

What becomes of events then is the consumer's own affair: one may put them back, another has to keep them in order.
"""

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.bus.applying import Applying
from cashback.kernel.bus.failures import DIED, Failures, has_only_died, told_as
from cashback.kernel.bus.piling import Taken
from cashback.kernel.errors import Broken, Rejected, Unavailable
from cashback.kernel.failpoints import reach
from cashback.kernel.inbox import Failing
from cashback.kernel.telemetry import logger

_TRACEBACK_MAX: Final = 2_000

log = logger(__name__)


class Ends(msgspec.Struct, frozen=True):
    """What a consumer does with what was tried.

    `answer` is told a pile that was applied, and what of it waits for another event, due in so many seconds; `settle`
    the halves of one that was not. `wait` is told an event that may succeed another time, with its failures, or None
    when another one holds back its key; `give_up` one that cannot, and why.
    """

    answer: Callable[[Sequence[Taken], Mapping[str, float]], Awaitable[None]]
    settle: Callable[[Sequence[Sequence[Taken]]], Awaitable[None]]
    wait: Callable[[Taken, Failing | None], Awaitable[None]]
    give_up: Callable[[Taken, Failing, str], Awaitable[None]]


class Trying:
    """Tries what a consumer has in hand, and leaves to it how that ends."""

    def __init__(self, applying: Applying, failures: Failures, ends: Ends, *, consumer: str, attempts_max: int) -> None:
        """Try with `applying`, and note what fails in `failures`; who failed `attempts_max` times is given up."""
        self._applying = applying
        self._failures = failures
        self._ends = ends
        self._consumer = consumer
        self._attempts_max = attempts_max

    async def try_pile(self, pile: Sequence[Taken], *, noted: bool = False) -> None:
        """Apply `pile` in one transaction and have it answered; if it fails for a reason of its own, settle its halves.

        Of a single event the failure is its own, and it is blamed for it. With `noted` the failure of this attempt is
        there already, in case there is no other end to it.

        Raises:
            Unavailable: the world failed, and no event is to blame.
            Broken: a handler found an invariant violated; the event to blame is noted, and neither answered nor given
                up.
        """
        try:
            held_back = await self._applying.apply(pile)
        except Unavailable:
            raise
        except Exception as cause:  # noqa: BLE001 - a handler may fail in any way, and the consumer outlives it
            failure = cause
        else:
            reach("batch.applied")
            await self._ends.answer(pile, held_back)
            reach("batch.answered")
            return
        # Here and not above, where what fails next would be told as a consequence of this.
        if len(pile) == 1:
            await self._blame(pile[0], failure, noted=noted)
        else:
            await self._ends.settle([pile[: len(pile) // 2], pile[len(pile) // 2 :]])

    async def try_suspect(self, one: Taken, before: Failing | None) -> None:
        """Try an event that may be what ends its workers: they cannot say so afterwards, so it is noted before.

        One of which nothing else is known `before`, often enough, is given up untried.

        Raises:
            Unavailable, Broken: as `try_pile`.
        """
        if before is not None and has_only_died(before, attempts_max=self._attempts_max):
            await self._ends.give_up(one, before, f"{DIED}: {before.history[-1].reason}")
            return
        entry = self._failures.entry(DIED, "the worker began to apply this event and came to no end")
        noted = await self._failures.note(one.delivery, entry)
        try:
            await self.try_pile([one], noted=noted is not None)
        except Unavailable:
            if noted is not None:
                await self._failures.take_back(one.delivery, noted)
            raise

    async def _blame(self, one: Taken, cause: Exception, *, noted: bool) -> None:
        """Note that a single event failed, and have it wait, or given up when it cannot succeed or failed too often.

        Raises:
            Unavailable: it could not be noted.
            Broken: it is the cause. An invariant is no event's fault, and whoever is paged finds the event noted.
        """
        entry = self._failures.entry(type(cause).__name__, str(cause))
        failing = await self._failures.note(one.delivery, entry, again=noted)
        log.warning(
            "event.failed",
            consumer=self._consumer,
            id=one.delivery.id,
            failures=failing.attempts if failing else None,
            traceback="".join(traceback.format_exception(cause))[-_TRACEBACK_MAX:],
        )
        if isinstance(cause, Broken):
            raise cause
        is_over = isinstance(cause, Rejected) or (failing is not None and failing.attempts >= self._attempts_max)
        if failing is not None and is_over:
            await self._ends.give_up(one, failing, told_as(cause))
        else:
            await self._ends.wait(one, failing)
