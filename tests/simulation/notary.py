"""A ledger that has its evidence anchored at any moment, and asks again until it is answered."""

from typing import Final

from cashback.chain.model import Anchor, AnchorBehind
from tests.simulation.faults import Faults
from tests.simulation.process import Process

ANCHORS_MAX: Final = 6
_AGAIN: Final = 0.3
"""How often an anchor is asked for that was accepted before, rather than a new one."""


class Notary:
    """Which anchors are asked for, and which were accepted."""

    def __init__(self, faults: Faults) -> None:
        """Choose by `faults`."""
        self.asked: dict[int, Anchor] = {}
        self.accepted: set[int] = set()
        self._faults = faults
        self.unanswered: Anchor | None = None

    def choose(self) -> Anchor | None:
        """Choose what is asked for: what was not answered, one of those before, or a new one; None when there is none.

        Each reaches further than all before.
        """
        if self.unanswered is None and self.asked and self._faults.share() < _AGAIN:
            return self._faults.one_of(list(self.asked.values()))
        if self.unanswered is None and len(self.asked) < ANCHORS_MAX:
            up_to = max(self.asked, default=0) + self._faults.between(1, 9)
            self.unanswered = Anchor(self._faults.between(0, 2**256 - 1).to_bytes(32), up_to)
            # From now on: one whose answer is lost may have been accepted.
            self.asked[up_to] = self.unanswered
        return self.unanswered

    @property
    def newest(self) -> Anchor | None:
        """Return what reaches furthest of all that was asked for, None before the first."""
        return self.asked[max(self.asked)] if self.asked else None

    async def ask(self, process: Process, anchor: Anchor | None) -> None:
        """Ask for one, and forget it once it is answered."""
        if anchor is None:
            return
        try:
            await process.parts.anchors.anchor(anchor)
        except AnchorBehind:
            # Never so for what was accepted: a newer one was, before this one was heard.
            assert anchor.up_to not in self.accepted
        else:
            self.accepted.add(anchor.up_to)
        self.unanswered = None if self.unanswered == anchor else self.unanswered
