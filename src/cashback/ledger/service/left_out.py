"""Batches that one cashback's fault does not stop: they are halved down to it, and it is left out for a while.

    batch fails ──▶ first half, second half, each a batch ──▶ ... ──▶ who fails alone is left out, the others are done

Halves are done in their order. Between two of them everything is let go, locks included: the store gives only those
that are still there to be worked on, so what somebody else did meanwhile is not done twice.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias, TypeVar

from cashback.kernel.clock import Clock
from cashback.kernel.errors import Unavailable
from cashback.ledger.model.life import Wanted

LEFT_OUT_MAX: Final = 100
"""So many are left out at once; with one more it is no longer the cashback that is at fault."""

Done = TypeVar("Done")
Batch: TypeAlias = Callable[[Wanted, list[str]], Awaitable[Done | None]]
"""Does a batch in a transaction of its own, noting in the list whom it took; None when somebody else is at it."""


class LeftOut:
    """Which cashbacks one process leaves out, and until when."""

    def __init__(self, clock: Clock, *, lasts: timedelta) -> None:
        """Leave nobody out yet; who is left out is so for as long as `lasts`."""
        self._clock = clock
        self._lasts = lasts
        self._until: dict[str, datetime] = {}

    async def apart(self, batch: Batch[Done], *, limit: int, skipped: Callable[[str, Exception], None]) -> list[Done]:
        """Do one batch of at most `limit`, or its parts where it fails, and return what came of each, in order.

        Who fails alone is left out for a while, and told to `skipped`. Once somebody else is at it, the parts that are
        not done yet are left to them: done by us, they would overtake what the other one has to do first.

        Raises:
            Unavailable: the database failed; what was done so far stays.
            Exception: what one cashback failed with, and too many others are left out; or of nobody in particular.
        """
        done, parts = list[Done](), list[list[str] | None]([None])
        while parts:
            now, ids = self._clock.now(), list[str]()
            wanted = Wanted(now=now, limit=limit, besides=self._at(now), among=parts.pop())
            try:
                came = await batch(wanted, ids)
            except Unavailable:
                raise
            except Exception as error:
                if not ids:
                    raise
                if len(ids) == 1:
                    self._add(ids[0], error, now=now)
                    skipped(ids[0], error)
                    continue
                middle = len(ids) // 2
                parts += [ids[middle:], ids[:middle]]
                continue
            if came is None:
                break
            done.append(came)
        return done

    def _at(self, now: datetime) -> list[str]:
        """Return who is left out now, and forget who no longer is."""
        self._until = {id_: until for id_, until in self._until.items() if until > now}
        return list(self._until)

    def _add(self, cashback_id: str, error: Exception, *, now: datetime) -> None:
        """Leave out for a while what failed alone with `error`.

        Raises:
            Exception: `error` itself, when too many are left out already.
        """
        if len(self._until) >= LEFT_OUT_MAX:
            raise error
        self._until[cashback_id] = now + self._lasts
