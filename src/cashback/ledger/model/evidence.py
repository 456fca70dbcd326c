"""The words of the books' evidence: what is chained, what is sealed, and what a check finds wrong.

Line ──canonical bytes──▶ Leaf: chained to the leaf before ──stretch──▶ Seal: Merkle root, chained to the seal before
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from cashback.kernel.errors import Broken, Unavailable


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
