"""The stream of outcomes: read from any place, woken when more are written, the same for every reader and for ever."""

import asyncio
from typing import Final

from cashback.chain.model import CursorAhead, CursorForeign, Outcome, RaceLost
from cashback.chain.service.pulse import Pulse, first_of
from cashback.chain.store import network, outcomes
from cashback.kernel.db import Database

OUTCOMES_PER_READ_MAX: Final = 500
_POLL_S: Final = 0.5
"""How often a reader looks by itself, in case another process follows the chain."""


class Stream:
    """Reads outcomes; reading changes nothing."""

    def __init__(self, database: Database, *, written: Pulse) -> None:
        """Read from `database`; `written` beats when this process wrote outcomes."""
        self._database = database
        self._written = written

    async def epoch(self) -> str:
        """Return the name of this database's stream: a rebuilt database has another one, and starts at 0."""
        async with self._database.transaction() as tx:
            return (await network.network(tx)).epoch

    async def read(self, *, epoch: str, after: int, after_number: int = 0) -> list[Outcome]:
        """Return the outcomes that come after sequence `after`, at most `OUTCOMES_PER_READ_MAX`, in order.

        `after_number` is the number that the outcome at `after` was about, 0 when the reader does not tell.

        Asked with every reading: a database may be restored under a reader who is connected.

        Raises:
            CursorAhead: the stream does not go as far as `after`.
            CursorForeign: the outcome at `after` is about another number.
            RaceLost: the stream has another epoch by now.
        """
        async with self._database.transaction() as tx:
            stored = await network.network(tx)
            if stored.epoch != epoch:
                raise RaceLost(f"the epoch of this stream is {stored.epoch}, and {epoch} no more")
            if after > stored.last_sequence:
                raise CursorAhead(f"this stream goes to {stored.last_sequence}, and was read up to {after}")
            if after and after_number:
                known = await outcomes.number_at(tx, sequence=after)
                if known != after_number:
                    raise CursorForeign(f"outcome {after} of this stream is about mint {known}, not {after_number}")
            return await outcomes.after(tx, sequence=after, limit=OUTCOMES_PER_READ_MAX)

    async def read_or_wait(
        self, *, epoch: str, after: int, stop: asyncio.Event, after_number: int = 0
    ) -> list[Outcome]:
        """Return what comes after `after`; when that is nothing, wait a moment for more first, and look again.

        Raises:
            CursorAhead, CursorForeign, RaceLost: as `read`.
        """
        ticket = self._written.ticket()
        found = await self.read(epoch=epoch, after=after, after_number=after_number)
        if found or stop.is_set():
            return found
        await first_of(ticket, stop, timeout_s=_POLL_S)
        return await self.read(epoch=epoch, after=after, after_number=after_number)
