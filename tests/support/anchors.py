"""The anchors of an adapter without a chain: the contract of `ChainAnchorService`, kept by a dictionary."""

from hashlib import sha256
from typing import Final

from grpclib.const import Status

from cashback.chain.rpc.errors import refused
from cashback.kernel.money import INT63_MAX
from cashback.wire.cashback.chain import v1
from cashback.wire.cashback.chain.v1.server import ChainAnchorServiceBase

_ROOT_BYTES: Final = 32


class FakeAnchors(ChainAnchorServiceBase):
    """Accepts anchors; `publish` makes the one that waits final."""

    def __init__(self) -> None:
        """Know none."""
        self.known: dict[int, v1.Anchor] = {}
        self.asked: list[int] = []

    async def anchor(self, message: v1.AnchorRequest) -> v1.AnchorResponse:
        """Accept an anchor, or tell how far it is; see the contract."""
        self.asked.append(message.up_to)
        if len(message.root) != _ROOT_BYTES or not 0 < message.up_to <= INT63_MAX:
            raise refused(Status.INVALID_ARGUMENT, code="anchor_invalid", detail="as the contract says")
        known = self.known.get(message.up_to)
        if known is not None and known.root != message.root:
            raise refused(Status.ALREADY_EXISTS, code="anchor_conflicts", detail="as the contract says")
        if known is None and message.up_to < max(self.known, default=0):
            raise refused(Status.FAILED_PRECONDITION, code="anchor_behind", detail="as the contract says")
        if known is None:
            for waiting in self._waiting():
                waiting.state = v1.AnchorState.SUPERSEDED
            known = v1.Anchor(root=message.root, up_to=message.up_to, state=v1.AnchorState.ACCEPTED)
            self.known[message.up_to] = known
        return v1.AnchorResponse(anchor=known)

    def publish(self, *, block_number: int = 7) -> None:
        """Make what waits final."""
        for waiting in self._waiting():
            waiting.state = v1.AnchorState.FINAL
            waiting.transaction_hash = sha256(f"anchor up to {waiting.up_to}".encode()).digest()
            waiting.block_number = block_number
            waiting.block_hash = sha256(f"block {block_number}".encode()).digest()
            waiting.minter = bytes(20)

    def of(self, up_to: int) -> v1.AnchorOfResponse:
        """Return the anchor of one place."""
        unknown = v1.Anchor(up_to=up_to, state=v1.AnchorState.UNKNOWN)
        return v1.AnchorOfResponse(anchor=self.known.get(up_to, unknown))

    def latest(self) -> v1.LatestAnchorResponse:
        """Return the newest anchor, and the newest that is final."""
        told = [one for _, one in sorted(self.known.items()) if one.state != v1.AnchorState.SUPERSEDED]
        final = [one for one in told if one.state == v1.AnchorState.FINAL]
        return v1.LatestAnchorResponse(newest=told[-1] if told else None, final=final[-1] if final else None)

    def _waiting(self) -> list[v1.Anchor]:
        """Return the anchor that waits, if one does."""
        return [one for one in self.known.values() if one.state == v1.AnchorState.ACCEPTED]
