"""A proof of a cashback's statement lines: one file that a stranger checks without asking us anything.

    line's bytes ──path──▶ root in its seal's bytes ──▶ the seals after it ──▶ the seal whose hash stands on the chain

Hashes are lowercase hex; the bytes of lines and seals are canonical JSON, as text.
"""

import msgspec

from cashback.ledger.model.evidence import AnchorState
from cashback.ledger.model.stories import Amount

PROOF_FORMAT = "cashback-ledger-proof/1"


class ProvedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One transfer of the cashback: its number among the leaves, its bytes, and the path to the root of its seal."""

    leaf: str
    seal: str
    content: str
    path: list[str]


class ProofAnchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the hash of a stretch's last seal stands on the chain: `Anchored(root, upTo)` of the minter contract."""

    state: AnchorState
    root: str
    up_to: str
    transaction_hash: str | None
    block_number: Amount | None
    minter: str | None


class ProofStretch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consecutive seals as their bytes; the hash of the last one is anchored, unless `anchor` is null: not yet."""

    seals: list[str]
    anchor: ProofAnchor | None


class CashbackProof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every statement line of one cashback, and what proves them."""

    format: str
    cashback_id: str
    lines: list[ProvedLine]
    stretches: list[ProofStretch]


class ProvedAnchor(msgspec.Struct, frozen=True, kw_only=True):
    """A root that the lines of a proof come down to, and where it is said to stand on the chain."""

    root: str
    up_to: str
    lines: int
    transaction_hash: str | None
    minter: str | None
    is_anchored: bool


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof proves, given that its roots stand on the chain: the transfers' members, in order."""

    cashback_id: str
    lines: list[dict[str, object]]
    anchors: list[ProvedAnchor]
