"""The words of the books' evidence: what is chained, what is sealed, and what a check finds wrong.

Line ──canonical bytes──▶ Leaf: chained to the leaf before ──stretch──▶ Seal: Merkle root, chained to the seal before
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Broken, Conflict, Invalid, NotFound, Unavailable


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One account of a transfer: its number, its name, and what it holds after."""

    account: int
    owner: str
    kind: str
    balance_after: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as it stands in the books; `decision` is the SHA-256 of the stored decision of an accrual, else None.

    Kinds and causes are text: what was sealed stays readable when the lists of them change.
    """

    position: int
    xact: int
    debit: Side
    credit: Side
    currency: str
    amount: int
    cause: str
    cashback_id: str | None
    at: datetime
    effective_at: datetime | None
    decision: bytes | None


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A chained transfer: `hash` is SHA-256(hash of the leaf before || SHA-256(bytes))."""

    number: int
    xact: int
    position: int
    content: bytes
    hash: bytes


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The Merkle root over the leaves from `first_leaf` to `last_leaf`, the chain's hash there, and the seal before."""

    number: int
    first_leaf: int
    last_leaf: int
    root: bytes
    head: bytes
    previous: bytes
    sealed_at: datetime


class Fault(StrEnum):
    """What a check of the evidence finds."""

    LEAF_MISSING = "leaf_missing"
    ROW_MISSING = "row_missing"
    ROW_CHANGED = "row_changed"
    ROW_ADDED_BEHIND = "row_added_behind"
    CHAIN_BROKEN = "chain_broken"
    SEAL_MISSING = "seal_missing"
    SEAL_BROKEN = "seal_broken"
    ROOT_WRONG = "root_wrong"
    ANCHOR_UNKNOWN = "anchor_unknown"


class Flaw(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where the books and their evidence differ."""

    fault: Fault
    place: str
    expected: str
    found: str


class SealingTransplanted(Unavailable):
    """The server counts transactions anew: the database came by a dump, and new would sort before old."""

    code = "sealing_transplanted"


class SealingForked(Broken):
    """Two sealers chained at the same place: someone writes leaves without the lease."""

    code = "sealing_forked"


class AnchorState(StrEnum):
    """How far the publication of a seal is; `superseded` says that a newer one was published in its place."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    SUBMITTED = "submitted"
    INCLUDED = "included"
    FINAL = "final"
    HELD = "held"
    SUPERSEDED = "superseded"


class AnchorStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the adapter tells of an anchor: how far it is, in which transaction and block, and at which contract."""

    state: AnchorState
    transaction_hash: str | None = None
    block_number: int | None = None
    minter: str | None = None


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """A seal that is published on the chain: `root` is its hash, `up_to` its last leaf."""

    seal: int
    root: bytes
    up_to: int
    standing: AnchorStanding


class Published(msgspec.Struct, frozen=True):
    """An `Anchored` event that was read from a chain."""

    root: bytes
    up_to: int


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the evidence went through, and the first flaw; `waiting` transfers are not chained yet."""

    leaves: int
    seals: int
    sealed_to: int
    waiting: int
    anchors: int
    flaw: Flaw | None


class CheckedCashback(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of one cashback's statement lines went through, and the first flaw.

    `waiting` of its `lines` are under no seal yet; `seals` were checked from theirs to those that are anchored, and of
    those over its lines `unanchored` are not.
    """

    cashback_id: str
    lines: int
    waiting: int
    seals: int
    unanchored: int
    anchors: list[Anchor]
    flaw: Flaw | None


class NotSealed(Unavailable):
    """A transfer of the cashback is under no seal yet: a minute later it will be."""

    code = "not_sealed"


class NothingPosted(Conflict):
    """Nothing moved for the cashback, as for one that was declined: there is no line to be proved."""

    code = "nothing_posted"


class ProofInvalid(Invalid):
    """The file is no proof, or proves something else than it says; `pointer` names the place in it."""

    code = "proof_invalid"


class LineUnknown(NotFound):
    """The cashback has no statement line at that position."""

    code = "statement_line_unknown"


class ProofTooLong(Conflict):
    """More lines, or more seals up to an anchor, than one proof holds."""

    code = "proof_too_long"


class SealUnknown(NotFound):
    """There is no seal of that number."""

    code = "seal_unknown"
