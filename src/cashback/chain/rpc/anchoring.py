"""The call of `ChainAnchorService`, and how anchors are told on the wire; nothing is decided here."""

from typing import Final

from cashback.chain.model import Anchor, AnchorView, LatestAnchors
from cashback.chain.service.anchoring import Anchors
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAnchorServiceBase

_STATES: Final = {
    "unknown": v1.AnchorState.UNKNOWN,
    "accepted": v1.AnchorState.ACCEPTED,
    "submitted": v1.AnchorState.SUBMITTED,
    "included": v1.AnchorState.INCLUDED,
    "final": v1.AnchorState.FINAL,
    "superseded": v1.AnchorState.SUPERSEDED,
    "held": v1.AnchorState.HELD,
}


class AnchorCalls(ChainAnchorServiceBase):
    """Answers whoever has evidence published."""

    def __init__(self, anchors: Anchors) -> None:
        """Answer with this service."""
        self._anchors = anchors

    async def anchor(self, message: v1.AnchorRequest) -> v1.AnchorResponse:
        """Accept an anchor, or tell how far it is."""
        view = await self._anchors.anchor(Anchor(message.root, message.up_to))
        return v1.AnchorResponse(anchor=on_the_wire(view))


def on_the_wire(view: AnchorView) -> v1.Anchor:
    """Return how far one anchor is as a message."""
    return v1.Anchor(
        root=view.root,
        up_to=view.up_to,
        state=_STATES[view.state],
        transaction_hash=view.transaction_hash,
        block_number=view.block_number,
        block_hash=view.block_hash,
        minter=view.minter,
        reason=view.reason,
    )


def latest(found: LatestAnchors) -> v1.LatestAnchorResponse:
    """Return the newest anchors as a message."""
    return v1.LatestAnchorResponse(
        newest=None if found.newest is None else on_the_wire(found.newest),
        final=None if found.final is None else on_the_wire(found.final),
    )
