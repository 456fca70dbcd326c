"""Halting: what cannot be true stops submission until a person has looked; nothing else stops with it."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Database, Tx
from cashback.kernel.telemetry import logger
from cashback.minting.model import Halt, MintingHalted
from cashback.minting.service import metrics
from cashback.minting.store import cursor, halts

LISTED_MAX: Final = 100

log = logger(__name__)


async def halt(tx: Tx, found: Sequence[Halt]) -> None:
    """Stop the submitter with `tx`, and say so; a halt that is open already is not raised twice."""
    if not await halts.insert(tx, found):
        return
    metrics.halted.set(1)
    for one in found:
        log.error("minting.halted", kind=one.kind.value, mint=one.number, cashback=one.cashback_id, why=one.detail)


class Halts:
    """The open halts, for the probe and for the person who looks."""

    def __init__(self, database: Database) -> None:
        """Read from and write to minting's database."""
        self._database = database

    async def check(self) -> None:
        """Return when nothing is halted.

        Raises:
            MintingHalted: a person must look.
        """
        found = await self.list_open()
        metrics.halted.set(bool(found))
        if found:
            raise MintingHalted(f"minting is halted by {found[0].kind.value}: {found[0].detail}", open=len(found))

    async def list_open(self) -> list[Halt]:
        """Return the open halts, oldest first, at most 100."""
        async with self._database.transaction() as tx:
            return await halts.list_open(tx, limit=LISTED_MAX)

    async def lift(self, *, by: str) -> int:
        """Lift every open halt in the name of a person, and return how many there were; none left changes nothing.

        The outcomes are read again from their beginning, so that one that was refused is judged anew.
        """
        async with self._database.transaction() as tx:
            lifted = await halts.lift(tx, by=by)
            if lifted:
                await cursor.set_back(tx)
        if lifted:
            log.warning("minting.resumed", halts=lifted, by=by)
        return lifted
