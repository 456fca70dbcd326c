"""Halting: what cannot be true stops submission until a person has looked; nothing else stops with it."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Invalid
from cashback.kernel.telemetry import logger
from cashback.minting.model import Halt, HaltKind, MintingHalted
from cashback.minting.service import metrics
from cashback.minting.store import cursor, halts

LISTED_MAX: Final = 100
NAME_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500

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
            raise MintingHalted(f"minting is halted{_told(found[0])}", open=len(found))

    async def list_open(self) -> list[Halt]:
        """Return the open halts, oldest first, at most 100."""
        async with self._database.transaction() as tx:
            return await halts.list_open(tx, limit=LISTED_MAX)

    async def halt_by_hand(self, *, by: str, detail: str) -> list[Halt]:
        """Halt in the name of a person, and return every halt that is open now; takes the operator's role.

        From then on nothing more is handed to the adapter; what it has is followed.

        Raises:
            Invalid: who or why is empty or too long.
        """
        check_order(by, detail)
        async with self._database.transaction() as tx:
            await halts.raise_by_hand(tx, by=by, detail=detail)
            found = await halts.list_open(tx, limit=LISTED_MAX)
        log.warning("minting.halted", kind=HaltKind.BY_HAND.value, by=by, why=detail)
        return found

    async def lift(self, *, by: str, because: str) -> list[Halt]:
        """Lift every open halt in the name of a person, and return them; none changes nothing.

        Takes the operator's role. The outcomes are read again from their beginning, so that one that was refused is
        judged anew.

        Raises:
            Invalid: who or why is empty or too long.
        """
        check_order(by, because)
        async with self._database.transaction() as tx:
            lifted = await halts.lift(tx, by=by, because=because)
            if lifted:
                await cursor.set_back(tx)
        if lifted:
            log.warning("minting.resumed", halts=len(lifted), by=by, why=because)
        return lifted


def _told(found: Halt) -> str:
    """Return by whom or why minting is halted; of what was seen the kind too, which has a row in the runbook."""
    by_hand = found.kind is HaltKind.BY_HAND
    return f" by hand: {found.detail}" if by_hand else f": {found.kind.value}: {found.detail}"


def check_order(by: str, words: str) -> None:
    """Raise `Invalid` unless a person is named and gives a reason, both short enough to be kept."""
    if not 0 < len(by.strip()) <= NAME_LENGTH_MAX:
        raise Invalid(f"say who you are, in at most {NAME_LENGTH_MAX} characters", pointer="by")
    if not 0 < len(words.strip()) <= REASON_LENGTH_MAX:
        raise Invalid(f"give a reason, in at most {REASON_LENGTH_MAX} characters", pointer="reason")
