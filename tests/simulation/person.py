"""The person who looks after an adapter: reads what halted it, has the records recovered, lets go what was held."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg

from cashback.chain import model
from cashback.chain.store import holds
from cashback.kernel.db import Database
from tests.simulation.process import Process

OPERATOR: Final = model.Person("operator")


class Person:
    """Acts on what the records say."""

    def __init__(self, witness: psycopg.Connection, *, say: Callable[[str], None]) -> None:
        """Look through `witness`, and `say` what was done."""
        self._witness = witness
        self._say = say

    async def recover(self, process: Process) -> None:
        """Have booked back what final blocks that were replaced had decided, if that is what halted, and go on."""
        reason = self._witness.execute("select halted_reason from chain.network").fetchone()
        if reason != ("reorganised_below_final",):
            return
        with suppress(model.NotHalted):  # another one was faster
            found = await process.parts.recovering.recover(by=OPERATOR, because="the chain did it", is_dry_run=False)
            self._say(f"{process.name} recovered {[one.number for one in found.taken_back]}")
            await process.parts.halting.resume(by=OPERATOR, because="the list was read")

    async def release_all(self, database: Database) -> None:
        """Let go all that is held, since the token has its own code again."""
        held = [number for (number,) in self._witness.execute("select number from chain.mints where state = 'held'")]
        async with database.transaction() as tx:
            released = await holds.release(tx, held)
        self._say(f"released {sorted(released)}")
