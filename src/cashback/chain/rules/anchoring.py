"""Anchoring evidence: what may be asked for, the call, and what becomes of one whose call failed.

Anchors only ever rise, one is under way at a time, and one waits: so they stand on the chain in their order, and what
waits is always the newest.
"""

from typing import Final

from cashback.chain.model import Anchor, AnchorInvalid, Call
from cashback.kernel.money import INT63_MAX

SELECTOR_ANCHOR: Final = bytes.fromhex("db2c4aca")
"""Of `anchor(bytes32,uint64)`."""
GAS_ANCHOR: Final = 33_000
"""The most gas that an anchor can use, measured as 28,464; a test on a real chain keeps it true."""
REVERTS_MAX: Final = 3
"""So often an anchor's call may be mined and fail before it is held."""

_ROOT_BYTES: Final = 32
_WORD_BYTES: Final = 32


def check(anchor: Anchor) -> None:
    """Raise `AnchorInvalid` unless it can be published at all."""
    if len(anchor.root) != _ROOT_BYTES:
        raise AnchorInvalid(f"a root is {_ROOT_BYTES} bytes, not {len(anchor.root)}", pointer="root")
    if not 0 < anchor.up_to <= INT63_MAX:
        raise AnchorInvalid(f"an anchor reaches up to 1 at least and {INT63_MAX} at most", pointer="up_to")


def call(anchor: Anchor) -> Call:
    """Return the call that publishes an anchor."""
    words = anchor.root + anchor.up_to.to_bytes(_WORD_BYTES)
    return Call(calldata=SELECTOR_ANCHOR + words, numbers=(), amount=0, gas=GAS_ANCHOR)
