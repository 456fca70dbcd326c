"""The journal of the reconciliation: runs are written down, read, and gone on from; the auditor's role is enough."""

from datetime import datetime
from typing import Final

from cashback.kernel.db import Database, long_statements
from cashback.kernel.money import INT63_MAX
from cashback.ledger.model import Checkpoint, Closed, Reconciliation
from cashback.ledger.service.readings import WHOLE_LEDGER_S_MAX
from cashback.ledger.store import reconciliations as store

RUNS_MAX: Final = 100
"""Most runs that one reading returns."""

CHECKPOINTS_MAX: Final = 10
"""How many checkpoints are looked at for one that the chain still has; after that the run is a whole one."""


class Reconciliations:
    """What earlier runs found."""

    def __init__(self, database: Database) -> None:
        """Read from and write to `database`."""
        self._database = database

    async def write(self, run: Reconciliation, checkpoint: Checkpoint | None) -> None:
        """Write a run down; without a checkpoint no other run goes on from it."""
        async with self._database.transaction() as tx:
            await store.insert(tx, run, checkpoint)

    async def last(self, *, limit: int = 10) -> list[Reconciliation]:
        """Return the newest runs, newest first, at most `RUNS_MAX`."""
        async with self._database.transaction() as tx:
            found = await store.page(tx, numbers_below=INT63_MAX, limit=min(limit, RUNS_MAX))
        return [run for _, run in found]

    async def last_ended(self) -> tuple[datetime | None, datetime | None]:
        """Return when the newest run ended, and when the newest whole one did; None where there is none."""
        async with self._database.transaction() as tx:
            return await store.last_ended(tx)

    async def checkpoints(self) -> list[Checkpoint]:
        """Return the newest checkpoints, newest first, at most `CHECKPOINTS_MAX`."""
        async with self._database.transaction() as tx:
            return await store.checkpoints(tx, limit=CHECKPOINTS_MAX)

    async def closed(self, *, to_block: int) -> Closed:
        """Return what the ledger has settled in blocks up to one.

        Raises:
            Unavailable: the database did not answer within `WHOLE_LEDGER_S_MAX` seconds.
        """
        async with self._database.transaction() as tx, long_statements(tx, within_s=WHOLE_LEDGER_S_MAX):
            return await store.closed(tx, to_block=to_block)
