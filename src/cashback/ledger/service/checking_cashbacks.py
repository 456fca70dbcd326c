"""`cashback ledger verify cb_...`: the lines of one cashback against their leaves, seals and anchors, and no others.

    its transfers ──▶ leaves, and all others under the same seals ──▶ roots ──▶ seals up to the first anchored one

What was deleted together with all its neighbours, or given to another cashback, only the check of everything finds.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.kernel.db import Database, Tx
from cashback.ledger.model import (
    Anchor,
    CashbackUnknown,
    CheckedCashback,
    Fault,
    Flaw,
    NothingPosted,
    ProofTooLong,
    Seal,
)
from cashback.ledger.rules.checking import flaw_of_leaf, flaw_of_link, flaw_of_place
from cashback.ledger.rules.evidence import GENESIS
from cashback.ledger.service.checking import Checker
from cashback.ledger.service.proving import LINES_MAX, SEALS_MAX
from cashback.ledger.store import anchors, proofs
from cashback.ledger.store import checking as store
from cashback.ledger.store import readings as cashbacks

SEALS_PAGE: Final = 200


class _Links(msgspec.Struct, frozen=True, kw_only=True):
    """The seals from those of a cashback's lines to the anchored ones: how many, and the first flaw among them."""

    seals: int
    unanchored: int
    anchors: list[Anchor]
    flaw: Flaw | None


class CashbackChecker:
    """Checks cashback by cashback; any role that may select may ask."""

    def __init__(self, database: Database) -> None:
        """Check what is in `database`."""
        self._database = database

    async def check(self, cashback_id: str) -> CheckedCashback:
        """Return what was gone through of one cashback, and the first flaw.

        Raises:
            CashbackUnknown: there is no such cashback.
            NothingPosted: nothing was posted for it.
            ProofTooLong: it has more lines, or more seals up to an anchor, than a proof holds.
            Unavailable: the database did not answer.
        """
        async with self._database.transaction() as tx:
            found = await self._lines(tx, cashback_id)
            chained = sorted(number for _, number in found if number is not None)
            over = await proofs.seals_over(tx, chained)
            slipped_in = await store.slipped_in(tx, [position for position, number in found if number is None])
        sealed = sorted({seal.number for _, seal in over})
        flaw = None
        if slipped_in is not None:
            place, what = f"transfer {slipped_in[0]}", f"a transfer of {slipped_in[1].isoformat()} without a leaf"
            flaw = Flaw(fault=Fault.ROW_ADDED_BEHIND, place=place, expected="no transfer", found=what)
        flaw = flaw or await self._flaw_of_seals(sealed)
        flaw = flaw or await self._flaw_of_leaves(sorted(set(chained) - {number for number, _ in over}))
        links = await self._links(sealed)
        return CheckedCashback(
            cashback_id=cashback_id,
            lines=len(found),
            waiting=len(found) - len(over),
            seals=links.seals,
            unanchored=links.unanchored,
            anchors=links.anchors,
            flaw=flaw or links.flaw,
        )

    async def _lines(self, tx: Tx, cashback_id: str) -> list[tuple[int, int | None]]:
        """Return the positions of a cashback's transfers, each with its leaf's number or None.

        Raises:
            CashbackUnknown, NothingPosted, ProofTooLong: there is no such cashback, no line of it, or too many.
        """
        if await cashbacks.by_id(tx, cashback_id) is None:
            raise CashbackUnknown("there is no such cashback", cashback_id=cashback_id)
        found = await proofs.transfers_of(tx, cashback_id, limit=LINES_MAX + 1)
        if not found:
            raise NothingPosted("nothing was posted for this cashback", cashback_id=cashback_id)
        if len(found) > LINES_MAX:
            raise ProofTooLong(f"at most {LINES_MAX} lines are checked", cashback_id=cashback_id)
        return [(position, number) for position, number, _ in found]

    async def _flaw_of_seals(self, numbers: Sequence[int]) -> Flaw | None:
        """Return the first flaw of these seals or of what is under them."""
        for number in numbers:
            flaw = await Checker(self._database).check_seal(number)
            if flaw is not None:
                return flaw
        return None

    async def _flaw_of_leaves(self, numbers: Sequence[int]) -> Flaw | None:
        """Return the first flaw of these leaves, which are under no seal yet, each held against the leaf before it."""
        for number in numbers:
            async with self._database.transaction() as tx:
                page = await store.leaves(tx, after=max(number - 2, 0), until=number, limit=2)
            if len(page) < min(number, 2):
                return Flaw(fault=Fault.LEAF_MISSING, place=f"leaf {number - 1}", expected="a leaf", found="none")
            leaf, line = page[-1]
            head = GENESIS if number == 1 else page[0][0].hash
            flaw = flaw_of_leaf(leaf, line, number=number, head=head)
            if flaw is not None:
                return flaw
        return None

    async def _links(self, sealed: Sequence[int]) -> _Links:
        """Return what follows each of these seals, up to the first that is anchored.

        Raises:
            ProofTooLong: an anchor is too far away.
        """
        passed: set[int] = set()
        its_anchors: dict[int, Anchor] = {}
        unanchored = 0
        flaw = None
        for first in sealed:
            async with self._database.transaction() as tx:
                anchor = await anchors.covering(tx, first)
            last = first if anchor is None else anchor.seal
            if last - first >= SEALS_MAX:
                raise ProofTooLong(f"at most {SEALS_MAX} seals up to an anchor are checked", seal=first)
            if anchor is None:
                unanchored += 1
            else:
                its_anchors[last] = anchor
            if last not in passed:
                flaw = flaw or await self._flaw_of_links(first, last)
            passed.update(range(first, last + 1))
        return _Links(seals=len(passed), unanchored=unanchored, anchors=list(its_anchors.values()), flaw=flaw)

    async def _flaw_of_links(self, first: int, last: int) -> Flaw | None:
        """Return the first flaw among the links from one seal, which is sound, to another, seal by seal."""
        before: Seal | None = None
        at = first - 1
        while at < last:
            async with self._database.transaction() as tx:
                page = await store.seals(tx, after=at, limit=min(SEALS_PAGE, last - at))
            for seal, stored_hash in page:
                if before is not None:
                    flaw = flaw_of_place(seal, after=before) or flaw_of_link(seal, stored_hash, after=before)
                    if flaw is not None:
                        return flaw
                before, at = seal, seal.number
            if not page:
                return Flaw(fault=Fault.SEAL_MISSING, place=f"seal {at + 1}", expected="a seal", found="none")
        return None
