"""Anchors as the adapter tells them, in the ledger's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from grpclib.const import Status
from grpclib.exceptions import GRPCError

from cashback.ledger.gateway.answers import HASH_BYTES, address_of, hash_of, octets
from cashback.ledger.model import AnchorRefused, AnchorState, ChainAnchor, LatestAnchors
from cashback.wire.answers import reason_of
from cashback.wire.cashback.chain.v1 import Anchor as AnchorMessage
from cashback.wire.cashback.chain.v1 import AnchorState as AnchorStates
from cashback.wire.cashback.chain.v1 import LatestAnchorResponse

_STATES: Final = frozenset({"accepted", "submitted", "included", "final", "superseded", "held"})
_ON_CHAIN: Final = frozenset({"included", "final"})


_REFUSALS: Final = frozenset(
    {Status.INVALID_ARGUMENT, Status.ALREADY_EXISTS, Status.FAILED_PRECONDITION, Status.PERMISSION_DENIED}
)
"""What says that the same call will never be taken."""


@contextmanager
def refusals() -> Iterator[None]:
    """Ask for an anchor in this block.

    Raises:
        AnchorRefused: it will never be taken; every other failure as it is.
    """
    try:
        yield
    except GRPCError as cause:
        if cause.status in _REFUSALS:
            raise AnchorRefused(cause.message or cause.status.name, reason=reason_of(cause)) from cause
        raise


def anchor(message: AnchorMessage | None) -> ChainAnchor:
    """Return one anchor.

    Raises:
        ValueError: it says what no anchor may say.
    """
    if message is None:
        raise ValueError("no anchor was told")
    state = (AnchorStates(message.state).name or "").lower()
    if state not in _STATES:
        raise ValueError(f"{message.state} is no state of an anchor")
    is_on_chain = state in _ON_CHAIN
    return ChainAnchor(
        root=octets(message.root, HASH_BYTES),
        up_to=int(message.up_to),
        state=AnchorState(state),
        transaction_hash=hash_of(message.transaction_hash) if message.transaction_hash or is_on_chain else None,
        block_number=int(message.block_number) if is_on_chain else None,
        block_hash=hash_of(message.block_hash) if is_on_chain else None,
        minter=address_of(message.minter) if is_on_chain else None,
        reason=message.reason,
    )


def latest(answer: LatestAnchorResponse) -> LatestAnchors:
    """Return the newest anchors.

    Raises:
        ValueError: as `anchor`.
    """
    return LatestAnchors(
        None if answer.newest is None else anchor(answer.newest), None if answer.final is None else anchor(answer.final)
    )
