"""Commands that are done by themselves, in no batch: few connections wait for keys that are held, whoever asks.

command ──▶ its key is asked for in this process ──▶ wait for that one, without a connection ──┐
               └ it is not ◀───────────────────────────────────────────────────────────────────┘
                  └──▶ do it, a moment's patience ──held elsewhere──▶ wait for a turn ──▶ do it, with what is left

Each of these waits takes from one patience. Without them eight repeats of one slow command would have all connections
of a process, and nobody else's purchase would be recorded for as long as they wait.

Before some commands the world is asked something, unless they were done before: that is looked up by one connection for
all who ask for the same at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeAlias, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from cashback.kernel.clock import monotonic_s
from cashback.kernel.db import Database
from cashback.purchases.model import Command, Outcome
from cashback.purchases.rules import fingerprint
from cashback.purchases.service.first_answers import busy, is_busy
from cashback.purchases.service.once import HASTY_MS, PATIENT_MS, Once, Operation, Result, answered
from cashback.purchases.service.rebuilding import REBUILDERS, Rebuilder
from cashback.purchases.store.idempotency import Key, owned_key

AT_ONCE_MAX: Final = 2
"""How many connections may wait at a time, each for a key that another process holds."""

C = TypeVar("C", bound=Command)

Attempt: TypeAlias = Callable[[int], Awaitable[Result]]
"""Does a command, waiting at most so long (milliseconds) for whoever holds its key."""


class _Waits:
    """Who asks for which key in a process, and how many wait for another one's."""

    def __init__(self) -> None:
        """Let nobody wait yet."""
        self._asked: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._turns = asyncio.Semaphore(AT_ONCE_MAX)

    async def result(self, key: Key, attempt: Attempt, *, patience_ms: int) -> Result:
        """Return what came of a command, or that its key was held until patience was over."""
        until_s = monotonic_s() + patience_ms / 1_000
        mine = self._asked.setdefault(key, asyncio.Lock())
        if not await _acquired(mine, until_s):
            return busy()
        try:
            result = await attempt(min(_left_ms(until_s), HASTY_MS))
            if not is_busy(result) or not await _acquired(self._turns, until_s):
                return result
            try:
                return await attempt(_left_ms(until_s))
            finally:
                self._turns.release()
        finally:
            mine.release()


_WAITS: Final[WeakKeyDictionary[Database, _Waits]] = WeakKeyDictionary()
"""By the database whose connections they would have; there is one in a process."""

_Looks: TypeAlias = dict[tuple[Key, bytes], asyncio.Task[Outcome | None]]
"""Looks that are under way, by the key and the fingerprint of what is asked for."""

_LOOKS: Final[WeakKeyDictionary[Database, _Looks]] = WeakKeyDictionary()
"""As above."""


async def known_before(database: Database, command: Command, *, now: datetime) -> Outcome | None:
    """Return what a command's key stands for, None when for nothing yet, as `answered` does, by one look for many.

    It is as the first of those saw it who ask at once; whoever does the command upon that finds out again. A caller
    that is cancelled leaves the look to the others.

    Raises:
        CashbackError: as `answered`.
    """
    looks, asked = _LOOKS.setdefault(database, {}), (owned_key(command), fingerprint(command))
    if asked not in looks:
        looks[asked] = asyncio.create_task(answered(database, command, now=now))
        looks[asked].add_done_callback(lambda look: _ended(looks, asked, look))
    return await asyncio.shield(looks[asked])


def _ended(looks: _Looks, asked: tuple[Key, bytes], look: asyncio.Task[Outcome | None]) -> None:
    """Forget a look that is over; that it failed is nobody's news where all who asked were cancelled."""
    del looks[asked]
    if not look.cancelled():
        look.exception()


async def do_alone(
    database: Database,
    operation: Callable[[], Operation[C]],
    command: C,
    *,
    now: datetime,
    patience_ms: int = PATIENT_MS,
    rebuilders: Mapping[str, Rebuilder] = REBUILDERS,
) -> Result:
    """Return what came of one command, done once by `operation` or answered as it was then.

    A key that is held is waited for so long. Nothing is raised but bugs.
    """

    async def attempt(within_ms: int) -> Result:
        """Do it."""
        once = Once(database, operation, now=now, patience_ms=within_ms, rebuilders=rebuilders)
        return (await once.do([command]))[0]

    waits = _WAITS.setdefault(database, _Waits())
    return await waits.result(owned_key(command), attempt, patience_ms=patience_ms)


async def _acquired(turn: asyncio.Lock | asyncio.Semaphore, until_s: float) -> bool:
    """Tell whether a turn was had before an instant of the monotonic clock; whoever had it gives it back."""
    try:
        async with asyncio.timeout(until_s - monotonic_s()):
            await turn.acquire()
    except TimeoutError:
        return False
    return True


def _left_ms(until_s: float) -> int:
    """Return what is left for PostgreSQL, a millisecond at least: to that, none would be for ever."""
    return max(int((until_s - monotonic_s()) * 1_000), 1)
