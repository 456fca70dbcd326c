"""Waiting for the first answer to a key that another process holds: one wait per key, shared by all its repeats.

repeat ──▶ is its key awaited? ──yes──▶ wait with the others ─┐
              └ no ──▶ batch ──busy──▶ wait for it ───────────┴─▶ the first answer, or busy when its patience is over

A wait occupies a connection, so few run at a time; the others queue for their turn, and their patience runs meanwhile.
It lasts as long as the patience of whoever began it; one who has more begins the next.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, Protocol, TypeVar

from prometheus_client import Gauge

from cashback.kernel.clock import monotonic_s
from cashback.kernel.errors import CashbackError
from cashback.purchases.model import Command, KeyBusy, Refused
from cashback.purchases.service.once import Result
from cashback.purchases.store.idempotency import Key, owned_key

AT_ONCE_MAX: Final = 2
"""How many keys may be waited for at a time: each of these waits occupies a connection."""

AWAITED_MAX: Final = 1_000
"""How many keys may be awaited, their turn included; a repeat of one more is told at once that it is busy."""

AWAITED: Final = Gauge(
    "cashback_purchases_keys_awaited", "Idempotency keys of other processes whose first answer is awaited."
)

C = TypeVar("C", bound=Command)
C_contra = TypeVar("C_contra", bound=Command, contravariant=True)


class Insist(Protocol[C_contra]):
    """Does one command, waiting at most so long (milliseconds) for whoever holds its key."""

    def __call__(self, command: C_contra, /, *, patience_ms: int) -> Awaitable[Result]:
        """Return what came of it."""
        ...


class FirstAnswers(Generic[C]):
    """Knows which keys are awaited, and waits for each of them once."""

    def __init__(self, insist: Insist[C], again: Callable[[C], Awaitable[Result]]) -> None:
        """Wait with `insist`; `again` does a command whose key has been answered while it waited."""
        self._insist = insist
        self._again = again
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)
        self._awaited: dict[Key, asyncio.Task[Result]] = {}

    def is_awaited(self, command: Command) -> bool:
        """Tell whether somebody waits for this command's key already."""
        return owned_key(command) in self._awaited

    async def result(self, command: C, *, within_s: float) -> Result:
        """Return what came of a command whose key was busy: done, answered as the first was, or still busy after that.

        A caller that is cancelled leaves the wait to the others.
        """
        key, until_s = owned_key(command), monotonic_s() + within_s
        while (shared := self._awaited.get(key)) is not None:
            try:
                async with asyncio.timeout(until_s - monotonic_s()):
                    first = await asyncio.shield(shared)
            except TimeoutError:
                return busy()
            if not is_busy(first):
                # A failure of the world says no more to these than to the first of them.
                return first if isinstance(first, CashbackError) else await self._again(command)
        if len(self._awaited) >= AWAITED_MAX:
            return busy()
        task = asyncio.create_task(self._first(command, until_s))
        self._awaited[key] = task
        AWAITED.set(len(self._awaited))
        task.add_done_callback(lambda _: self._ended(key))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up every wait; whoever still asks is told that the process is ending, as by any cancellation."""
        waits = list(self._awaited.values())
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def _first(self, command: C, until_s: float) -> Result:
        """Do a command as soon as its key is free, if that is before then, by the monotonic clock."""
        try:
            async with asyncio.timeout(until_s - monotonic_s()):
                await self._turns.acquire()
        except TimeoutError:
            return busy()
        try:
            left_ms = int((until_s - monotonic_s()) * 1_000)
            return await self._insist(command, patience_ms=left_ms) if left_ms > 0 else busy()
        finally:
            self._turns.release()

    def _ended(self, key: Key) -> None:
        """Forget a wait that is over."""
        del self._awaited[key]
        AWAITED.set(len(self._awaited))


def is_busy(result: Result) -> bool:
    """Tell whether a command was refused because its key is held by another process."""
    return isinstance(result, Refused) and isinstance(result.error, KeyBusy)


def busy() -> Refused:
    """Return what a repeat is told whose first answer takes too long."""
    return Refused(KeyBusy("the first request under this key is still being answered"))
