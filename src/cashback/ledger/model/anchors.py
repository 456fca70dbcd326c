"""Anchors: roots of the ledger's evidence as the blockchain adapter has them published."""

import msgspec

from cashback.kernel.errors import Rejected
from cashback.ledger.model.evidence import AnchorStanding, AnchorState


class ChainAnchor(msgspec.Struct, frozen=True, kw_only=True):
    """One anchor: `root` commits to the ledger up to and including `up_to`. Its place on the chain, once it has one.

    What is not reached is None; a block that is replaced takes the place back until it is `final`.
    """

    root: bytes
    up_to: int
    state: AnchorState
    transaction_hash: str | None
    block_number: int | None
    block_hash: str | None
    minter: str | None
    reason: str

    @property
    def standing(self) -> AnchorStanding:
        """Return how far it is, as the ledger records it."""
        return AnchorStanding(
            state=self.state, transaction_hash=self.transaction_hash, block_number=self.block_number, minter=self.minter
        )


class LatestAnchors(msgspec.Struct, frozen=True):
    """The newest anchor that was not superseded, and the newest that is final; None where there is none."""

    newest: ChainAnchor | None
    final: ChainAnchor | None


class AnchorRefused(Rejected):
    """The adapter will not publish this: another root is known there, or a later place, or we may not; see `reason`."""

    code = "anchor_refused"
