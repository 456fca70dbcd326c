"""What was sealed, anchored, reconciled and recomputed: the journals that show that the books are kept."""

from typing import Final

from cashback.kernel.db import Database
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.ledger.model import Reconciliation, SealUnknown
from cashback.ledger.model.audits import (
    RecomputationStory,
    ReconciliationStory,
    ReconciliationUnknown,
    SealStory,
    StoredSeal,
)
from cashback.ledger.store import anchors, reconciliations, trial

LIST_MAX: Final = 200


class Audits:
    """The journals of what proves and checks the books; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._database = database

    async def seals(self, *, after: str | None, limit: int) -> tuple[list[SealStory], str | None]:
        """Return a page of seals, the newest first, and the place of the next one.

        Raises:
            CursorInvalid: `after` is no place of ours.
        """
        most = min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            found = await anchors.seals(tx, numbers_below=number_of(after, first=INT63_MAX), limit=most + 1)
        kept = [_seal(stored) for stored in found[:most]]
        return kept, kept[-1].number if len(found) > most else None

    async def seal(self, number: int) -> SealStory:
        """Return one seal.

        Raises:
            SealUnknown: there is none of that number.
        """
        async with self._database.transaction() as tx:
            found = await anchors.seals(tx, numbers_below=number + 1, limit=1)
        if not found or found[0].seal.number != number:
            raise SealUnknown("there is no such seal", parameter="number")
        return _seal(found[0])

    async def reconciliations(self, *, after: str | None, limit: int) -> tuple[list[ReconciliationStory], str | None]:
        """Return a page of the reconciliation's runs, the newest first, and the place of the next one.

        Raises:
            CursorInvalid: `after` is no place of ours.
        """
        most = min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            found = await reconciliations.page(tx, numbers_below=number_of(after, first=INT63_MAX), limit=most + 1)
        kept = [_reconciliation(number, run) for number, run in found[:most]]
        return kept, kept[-1].number if len(found) > most else None

    async def reconciliation(self, number: int) -> ReconciliationStory:
        """Return one run.

        Raises:
            ReconciliationUnknown: there is none of that number.
        """
        async with self._database.transaction() as tx:
            found = await reconciliations.page(tx, numbers_below=number + 1, limit=1)
        if not found or found[0][0] != number:
            raise ReconciliationUnknown("there is no such run", parameter="number")
        return _reconciliation(*found[0])

    async def recomputations(self, *, after: str | None, limit: int) -> tuple[list[RecomputationStory], str | None]:
        """Return a page of the computations of all balances, the newest first, and the place of the next one.

        Raises:
            CursorInvalid: `after` is no place of ours.
        """
        most = min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            found = await trial.recomputations(tx, numbers_below=number_of(after, first=INT63_MAX), limit=most + 1)
        kept = found[:most]
        return kept, kept[-1].number if len(found) > most else None


def _seal(stored: StoredSeal) -> SealStory:
    """Return a seal in the words that leave the house."""
    seal = stored.seal
    return SealStory(
        number=str(seal.number),
        first_leaf=str(seal.first_leaf),
        last_leaf=str(seal.last_leaf),
        root=seal.root.hex(),
        head=seal.head.hex(),
        previous=seal.previous.hex(),
        hash=stored.hash.hex(),
        sealed_at=seal.sealed_at,
        anchor=stored.anchor,
        anchored_by=None if stored.anchored_by is None else str(stored.anchored_by),
    )


def _reconciliation(number: int, run: Reconciliation) -> ReconciliationStory:
    """Return a run in the words that leave the house."""
    return ReconciliationStory(
        number=str(number),
        mode=run.mode,
        reason=run.reason,
        asked_by=run.asked_by,
        began_at=run.began_at,
        ended_at=run.ended_at,
        after_block=None if run.after_block is None else str(run.after_block),
        at_block=str(run.at_block),
        at_block_hash=run.at_block_hash,
        requested=str(run.requested),
        logs=str(run.logs),
        logs_amount=str(run.logs_amount),
        burned=str(run.burned),
        explained=None if run.explained is None else str(run.explained),
        total_supply=str(run.total_supply),
        findings_count=run.findings,
        kinds=run.kinds,
        settled_to=None if run.settled_to is None else str(run.settled_to),
    )
