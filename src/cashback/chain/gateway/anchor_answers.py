"""Anchors as the adapter tells them, in our words."""

from typing import Final, cast

from cashback.chain.model import AnchorState, AnchorView, LatestAnchors
from cashback.wire.cashback.chain import v1

_STATES: Final = frozenset({"accepted", "submitted", "included", "final", "superseded", "held"})


def latest_anchors(answer: v1.LatestAnchorResponse | None) -> LatestAnchors:
    """Return the newest anchors; an adapter of before there were any tells none.

    Raises:
        ValueError: it says what no anchor may say.
    """
    if answer is None:
        return LatestAnchors(None, None)
    return LatestAnchors(
        None if answer.newest is None else _view(answer.newest), None if answer.final is None else _view(answer.final)
    )


def _view(anchor: v1.Anchor) -> AnchorView:
    """Return how far one anchor is.

    Raises:
        ValueError: it is in no state.
    """
    state = (v1.AnchorState(anchor.state).name or "").lower()
    if state not in _STATES:
        raise ValueError(f"{anchor.state} is no state of an anchor")
    return AnchorView(
        up_to=int(anchor.up_to),
        state=cast("AnchorState", state),
        root=bytes(anchor.root),
        transaction_hash=bytes(anchor.transaction_hash),
        block_number=int(anchor.block_number),
        block_hash=bytes(anchor.block_hash),
        minter=bytes(anchor.minter),
        reason=str(anchor.reason),
    )
