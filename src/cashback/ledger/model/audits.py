"""What proves and checks the books, as it leaves the house: seals, anchors, runs, decisions as they are stored."""

from datetime import datetime

import msgspec

from cashback.kernel.errors import NotFound
from cashback.ledger.model.evidence import AnchorState, Seal
from cashback.ledger.model.stories import Amount


class AnchorStory(msgspec.Struct, frozen=True, kw_only=True):
    """How far the publication of a seal's hash is: what is not reached is null."""

    state: AnchorState
    transaction_hash: str | None
    block_number: Amount | None
    minter: str | None
    asked_at: datetime
    told_at: datetime | None


class SealStory(msgspec.Struct, frozen=True, kw_only=True):
    """A seal: the Merkle `root` over the leaves from `first_leaf` to `last_leaf`, hashes in lowercase hex.

    `hash` is that of the seal, what is published on the chain: the `root` of an anchor in a proof.

    `anchor` is that of this very seal, null where none was asked for; `anchored_by` is the first seal from this one on
    that is final on the chain, and covers it.
    """

    number: Amount
    first_leaf: Amount
    last_leaf: Amount
    root: str
    head: str
    previous: str
    hash: str
    sealed_at: datetime
    anchor: AnchorStory | None
    anchored_by: Amount | None


class StoredSeal(msgspec.Struct, frozen=True):
    """A seal with its hash, its own anchor, and the number of the first final one that covers it."""

    seal: Seal
    hash: bytes
    anchor: AnchorStory | None
    anchored_by: int | None


class ReconciliationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One run of `cashback reconcile`: what was compared up to which block, and how many findings of each kind it had.

    `after_block` is where the run that it went on from had ended, null for a whole one; `settled_to` is null where no
    other goes on from it. `requested` and `logs` are counted, the other figures are base units of the token.
    """

    number: Amount
    mode: str
    reason: str
    asked_by: str
    began_at: datetime
    ended_at: datetime
    after_block: Amount | None
    at_block: Amount
    at_block_hash: str
    requested: Amount
    logs: Amount
    logs_amount: Amount
    burned: Amount
    explained: Amount | None
    total_supply: Amount
    findings_count: int
    kinds: dict[str, int]
    settled_to: Amount | None


class RecomputationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One computation of every balance from its transfers; `first_difference` names the first account that differed."""

    number: Amount
    by: str
    began_at: datetime
    ended_at: datetime
    accounts: int
    entries: int
    differences: int
    first_difference: str | None


class StoredDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is stored: `document` is its canonical bytes as text, `sha256` their digest in lowercase hex.

    `sequence` counts the decisions of a cashback from 1: one that waited for budget is decided again. `ruleset_id` is
    the version that decided, null where there was none; `engine` is null where nobody can read the document. The
    statement line of its grant holds the same digest.
    """

    cashback_id: str
    sequence: int
    engine: int | None
    ruleset_id: str | None
    sha256: str
    document: str


class StoredDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of one cashback, the first one first; none where a person gave it by hand."""

    items: list[StoredDecision]


class ReconciliationUnknown(NotFound):
    """There is no run of that number."""

    code = "reconciliation_unknown"
