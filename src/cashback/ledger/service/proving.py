"""`cashback ledger prove`: the statement lines of one cashback, with what leads from it to the chain."""

from collections.abc import Sequence
from typing import Final

from cashback.kernel.db import Database, Tx
from cashback.ledger.model import (
    Anchor,
    CashbackUnknown,
    Leaf,
    LineUnknown,
    NothingPosted,
    NotSealed,
    ProofTooLong,
    Seal,
)
from cashback.ledger.model.proofs import PROOF_FORMAT, CashbackProof, ProofAnchor, ProofStretch, ProvedLine
from cashback.ledger.rules.evidence import seal_bytes
from cashback.ledger.rules.merkle import leaf_hash, paths_of
from cashback.ledger.store import anchors, proofs
from cashback.ledger.store import readings as cashbacks

LINES_MAX: Final = 1_000
SEALS_MAX: Final = 10_000
"""Most seals between a line's own and the anchored one; at one a minute that is a week."""

LINES_OVER_REST_MAX: Final = 100
"""Most lines of a proof over REST, as each may lie under a seal of its own; usual cashbacks have four to ten."""


class Prover:
    """Writes proofs; any role that may select may ask."""

    def __init__(self, database: Database, *, lines_max: int = LINES_MAX) -> None:
        """Prove what is in `database`, at most `lines_max` lines at once."""
        self._database = database
        self._lines_max = lines_max

    async def prove(self, cashback_id: str, *, position: int | None = None) -> CashbackProof:
        """Return the proof of every statement line of a cashback, or of one, as far as the seals are anchored by now.

        Raises:
            CashbackUnknown: there is no such cashback.
            LineUnknown: it has no line at `position`.
            NothingPosted: it has no lines at all.
            NotSealed: a line is under no seal yet.
            ProofTooLong: one file does not hold it.
        """
        async with self._database.transaction() as tx:
            if await cashbacks.by_id(tx, cashback_id) is None:
                raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
            numbers = await self._leaf_numbers(tx, cashback_id, position=position)
            over = await proofs.seals_over(tx, numbers)
            if len(over) < len(numbers):
                raise NotSealed("a transfer of this cashback is under no seal yet", cashback_id=cashback_id)
            seals = {seal.number: seal for _, seal in over}
            lines = []
            for seal in seals.values():
                wanted = {number for number, its in over if its.number == seal.number}
                lines += _lines(await proofs.leaves_under(tx, seal), seal, wanted)
            stretches = await self._stretches(tx, sorted(seals))
        return CashbackProof(format=PROOF_FORMAT, cashback_id=cashback_id, lines=lines, stretches=stretches)

    async def _leaf_numbers(self, tx: Tx, cashback_id: str, *, position: int | None) -> list[int]:
        """Return the leaves of a cashback's transfers, or of those in the line with the one at `position`.

        Raises:
            LineUnknown: none is there.
            NothingPosted: there is no transfer.
            NotSealed: one has none yet.
            ProofTooLong: there are too many.
        """
        found = await proofs.transfers_of(tx, cashback_id, limit=LINES_MAX + 1)
        if not found:
            raise NothingPosted("nothing was posted for this cashback", cashback_id=cashback_id)
        if len(found) > LINES_MAX:
            raise ProofTooLong(f"a proof holds at most {LINES_MAX} lines", cashback_id=cashback_id)
        if position is not None:
            shared = {place: reason for place, _, reason in found}
            if position not in shared:
                raise LineUnknown("this cashback has no such line", parameter="line")
            # What moved at once for one reason is one line of the statement, and proved as one.
            found = [each for each in found if each[2] == shared[position]]
        if len(found) > self._lines_max:
            raise ProofTooLong(f"a proof holds at most {self._lines_max} lines: name one", cashback_id=cashback_id)
        numbers = [number for _, number, _ in found if number is not None]
        if len(numbers) < len(found):
            raise NotSealed("a transfer of this cashback is not chained yet", cashback_id=cashback_id)
        return sorted(numbers)

    async def _stretches(self, tx: Tx, seals: Sequence[int]) -> list[ProofStretch]:
        """Return the seals from each of these to the first anchored one; what shares an anchor shares a stretch.

        Raises:
            ProofTooLong: an anchor is too far away.
        """
        first_of: dict[int, tuple[int, Anchor | None]] = {}
        for number in seals:
            anchor = await anchors.covering(tx, number)
            first_of.setdefault(number if anchor is None else anchor.seal, (number, anchor))
        stretches = []
        for last, (first, anchor) in first_of.items():
            if last - first >= SEALS_MAX:
                raise ProofTooLong(f"a proof holds at most {SEALS_MAX} seals up to an anchor", seal=first)
            between = await proofs.seals_between(tx, first, last)
            texts = [seal_bytes(seal).decode() for seal in between]
            stretches.append(ProofStretch(seals=texts, anchor=None if anchor is None else _anchor(anchor)))
        return stretches


def _lines(leaves: Sequence[Leaf], seal: Seal, wanted: set[int]) -> list[ProvedLine]:
    """Return the wanted lines among the leaves under a seal, each with its path."""
    places = {place for place, leaf in enumerate(leaves) if leaf.number in wanted}
    paths = paths_of([leaf_hash(leaf.content) for leaf in leaves], places)
    return [
        ProvedLine(
            leaf=str(leaves[place].number),
            seal=str(seal.number),
            content=leaves[place].content.decode(),
            path=[sibling.hex() for sibling in paths[place]],
        )
        for place in sorted(places)
    ]


def _anchor(anchor: Anchor) -> ProofAnchor:
    """Return an anchor as a proof shows it."""
    return ProofAnchor(
        state=anchor.standing.state,
        root=anchor.root.hex(),
        up_to=str(anchor.up_to),
        transaction_hash=anchor.standing.transaction_hash,
        block_number=None if anchor.standing.block_number is None else str(anchor.standing.block_number),
        minter=anchor.standing.minter,
    )
