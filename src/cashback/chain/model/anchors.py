"""Anchors: roots of the ledger's evidence on the chain, from being asked for to being final.

accepted ──▶ submitted ──▶ included ──▶ final        superseded: a newer one took its place before a lane had it
       └──▶ held ──asked for again──▶ accepted       back by itself when a block is replaced
"""

from typing import Literal, TypeAlias

import msgspec

AnchorState: TypeAlias = Literal["unknown", "accepted", "submitted", "included", "final", "superseded", "held"]
"""How far an anchor is; one that is `held` the contracts refuse, until it is asked for again or a newer one comes."""


class Anchor(msgspec.Struct, frozen=True):
    """Evidence to be published: `root` commits to the ledger up to and including `up_to`."""

    root: bytes
    up_to: int


class AnchorView(msgspec.Struct, frozen=True, kw_only=True):
    """How far an anchor is, with its transaction, and its block once one has it; `reason` says why it is held."""

    up_to: int
    state: AnchorState
    root: bytes = b""
    transaction_hash: bytes = b""
    block_number: int = 0
    block_hash: bytes = b""
    minter: bytes = b""
    reason: str = ""


class LatestAnchors(msgspec.Struct, frozen=True):
    """The newest anchor that was not superseded, and the newest that is final; None where there is none."""

    newest: AnchorView | None
    final: AnchorView | None
