"""`cashback ledger verify`: everything recomputed from the rows, a page at a time, up to the first difference.

    transfers ──▶ bytes ──▶ leaves ──▶ chain          seal by seal: its leaves, its root, the seal before it
                                └────▶ Merkle root    last: is there a transfer that no leaf stands for?

Of all there is, it holds one page of leaves and one seal's hashes in memory.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from cashback.kernel.db import Database
from cashback.ledger.model import Checked, Fault, Flaw, Leaf, Line, Published, Seal, SealUnknown
from cashback.ledger.rules.checking import flaw_of_leaf, flaw_of_place, flaw_of_seal
from cashback.ledger.rules.evidence import GENESIS, seal_hash
from cashback.ledger.rules.merkle import leaf_hash
from cashback.ledger.store import checking as store

LEAVES_PAGE: Final = 2_000
SEALS_PAGE: Final = 200
POSITIONS_PAGE: Final = 50_000


class Checker:
    """One walk over the evidence; any role that may select may take it."""

    def __init__(self, database: Database, *, published: Sequence[Published] = ()) -> None:
        """Check what is in `database`, and that each root that was `published` on a chain is a seal in it."""
        self._database = database
        self._published = {one.up_to: one.root for one in published}
        self._anchors = 0
        self._leaves = 0
        self._seals = 0
        self._head = GENESIS
        self._last: Leaf | None = None
        self._at = 0

    async def check(self, *, from_seal: int = 1, reached: Callable[[int], None] = lambda _: None) -> Checked:
        """Return what was gone through and the first flaw, from a seal on; `reached` hears how many leaves were.

        Before `from_seal` nothing is looked at: the seal before it is taken for true.

        Raises:
            SealUnknown: there is no seal before `from_seal`.
            Unavailable: the database did not answer.
        """
        before, since = await self._start(from_seal)
        flaw, last_seal = await self._check_seals(before, reached)
        flaw = flaw or await self._check_leaves(None, None, reached)
        waiting = 0
        if flaw is None:
            waiting, flaw = await self._check_rows(since)
        if flaw is None:
            flaw = self._unknown_anchor(since.number if since else 0)
        return Checked(
            leaves=self._leaves,
            seals=self._seals,
            sealed_to=last_seal.last_leaf if last_seal else 0,
            waiting=waiting,
            anchors=self._anchors,
            flaw=flaw,
        )

    async def check_seal(self, number: int) -> Flaw | None:
        """Return the first flaw of one seal: its link, its root, and every leaf under it against its transfer.

        Raises:
            Unavailable: the database did not answer.
        """
        before = None
        if number > 1:
            async with self._database.transaction() as tx:
                before = await store.seal(tx, number - 1)
            if before is None:
                place = f"seal {number - 1}"
                return Flaw(fault=Fault.SEAL_MISSING, place=place, expected="a seal", found="none")
            self._at, self._head = before.last_leaf, before.head
        flaw, _ = await self._check_seals(before, lambda _: None, until=number)
        return flaw

    async def _start(self, from_seal: int) -> tuple[Seal | None, Leaf | None]:
        """Return the seal and the leaf before the first that is checked.

        Raises:
            SealUnknown: there is no such seal.
        """
        if from_seal <= 1:
            return None, None
        async with self._database.transaction() as tx:
            before = await store.seal(tx, from_seal - 1)
            if before is None:
                raise SealUnknown(f"there is no seal {from_seal - 1} to begin after", seal=from_seal - 1)
            [(leaf, _)] = await store.leaves(tx, after=before.last_leaf - 1, until=before.last_leaf, limit=1)
        self._at, self._head, self._last = before.last_leaf, before.head, leaf
        return before, leaf

    async def _check_seals(
        self, before: Seal | None, reached: Callable[[int], None], *, until: int | None = None
    ) -> tuple[Flaw | None, Seal | None]:
        """Check seal by seal, up to one, with the leaves under each; return the first flaw, and the last sound seal."""
        async for seal, stored_hash in self._seals_after(before):
            if until is not None and seal.number > until:
                break
            hashes: list[bytes] = []
            flaw = (
                flaw_of_place(seal, after=before)
                or await self._check_leaves(seal.last_leaf, hashes, reached)
                or flaw_of_seal(seal, stored_hash, after=before, leaf_hashes=hashes, head=self._head)
            )
            if flaw is not None:
                return flaw, before
            if self._published.get(seal.last_leaf) == seal_hash(seal):
                del self._published[seal.last_leaf]
                self._anchors += 1
            before = seal
            self._seals += 1
        return None, before

    async def _check_leaves(
        self, until: int | None, hashes: list[bytes] | None, reached: Callable[[int], None]
    ) -> Flaw | None:
        """Check leaves up to a number, or to the last, and add their hashes for the tree; return the first flaw."""
        while until is None or self._at < until:
            async with self._database.transaction() as tx:
                page = await store.leaves(tx, after=self._at, until=until, limit=LEAVES_PAGE)
            for leaf, line in page:
                flaw = self._check_leaf(leaf, line, hashes)
                if flaw is not None:
                    return flaw
            reached(self._leaves)
            if not page:
                return None if until is None else _lost(self._at + 1)
        return None

    def _check_leaf(self, leaf: Leaf, line: Line | None, hashes: list[bytes] | None) -> Flaw | None:
        """Check one leaf and step behind it; return its flaw."""
        flaw = flaw_of_leaf(leaf, line, number=self._at + 1, head=self._head)
        if flaw is None:
            self._at, self._head, self._last = leaf.number, leaf.hash, leaf
            self._leaves += 1
            if hashes is not None:
                hashes.append(leaf_hash(leaf.content))
        return flaw

    async def _check_rows(self, since: Leaf | None) -> tuple[int, Flaw | None]:
        """Return how many transfers wait for their leaf, and the first that came behind the sealer's back."""
        waiting = start = 0
        async with self._database.transaction() as tx:
            until = await store.last_position(tx)
        while start < until:
            async with self._database.transaction() as tx:
                end = start + POSITIONS_PAGE
                more, behind = await store.unchained(tx, after=start, until=end, since=since, last=self._last)
            if behind is not None:
                place = f"transfer {behind[0]}"
                found = f"a transfer of {behind[1].isoformat()} without a leaf"
                return waiting, Flaw(fault=Fault.ROW_ADDED_BEHIND, place=place, expected="no transfer", found=found)
            waiting, start = waiting + more, end
        return waiting, None

    async def _seals_after(self, before: Seal | None) -> AsyncIterator[tuple[Seal, bytes]]:
        """Yield the seals after one, in order."""
        after = before.number if before else 0
        while True:
            async with self._database.transaction() as tx:
                page = await store.seals(tx, after=after, limit=SEALS_PAGE)
            for seal, stored_hash in page:
                yield seal, stored_hash
            if not page:
                return
            after = page[-1][0].number

    def _unknown_anchor(self, since: int) -> Flaw | None:
        """Return the first root over leaves after `since` that stands on the chain and is no seal here, or None."""
        up_to = min((up_to for up_to in self._published if up_to > since), default=None)
        if up_to is None:
            return None
        place, root = f"the anchor up to leaf {up_to}", self._published[up_to].hex()
        return Flaw(fault=Fault.ANCHOR_UNKNOWN, place=place, expected=root, found="no such seal")


def _lost(number: int) -> Flaw:
    """Return the flaw of a leaf that a seal stands over and that is not there."""
    return Flaw(fault=Fault.LEAF_MISSING, place=f"leaf {number}", expected="a leaf", found="none")
