"""Anchors: roots of the ledger's evidence as the blockchain adapter has them published."""

from typing import Literal, TypeAlias

import msgspec

from cashback.kernel.errors import Rejected

AnchorState: TypeAlias = Literal["accepted", "submitted", "included", "final", "superseded", "held"]
"""How far an anchor is; `superseded` by a newer one before it was sent, `held` since the contracts refuse it."""


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
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


class LatestAnchors(msgspec.Struct, frozen=True):
    """The newest anchor that was not superseded, and the newest that is final; None where there is none."""

    newest: Anchor | None
    final: Anchor | None


class AnchorRefused(Rejected):
    """The adapter will not publish this: another root is known there, or a later place, or we may not; see `reason`."""

    code = "anchor_refused"
