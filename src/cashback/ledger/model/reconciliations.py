"""A run of the reconciliation as it is written down, and the checkpoint from which the next one goes on."""

from datetime import datetime

import msgspec


class Closed(msgspec.Struct, frozen=True):
    """How many rows are settled up to a block, and the sum of their hashes, which depends on no order."""

    rows: int
    digest: int

    def __add__(self, other: "Closed") -> "Closed":
        """Return both together; they must have no row in common."""
        return Closed(self.rows + other.rows, self.digest + other.digest)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run without a difference ended: the chain was read to `at_block`, every mint to `settled_to` agrees.

    `logs`, `logs_amount` and `burned` are of all blocks up to `at_block`, the last two in base units; `ledger` and
    `minting` are what either had settled up to `settled_to`.
    """

    at_block: int
    at_block_hash: str
    settled_to: int
    logs: int
    logs_amount: int
    burned: int
    ledger: Closed
    minting: Closed


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """One run: how and why so, who asked for it, what it compared, and how many findings of which kind it had.

    `after_block` is where the checkpoint it went on from had ended, None for a whole run; `settled_to` is None where
    the next run cannot go on from this one. `explained` is what logs minted as requested, None in old runs.
    """

    mode: str
    reason: str
    asked_by: str
    began_at: datetime
    ended_at: datetime
    after_block: int | None
    at_block: int
    at_block_hash: str
    requested: int
    logs: int
    logs_amount: int
    burned: int
    explained: int | None
    total_supply: int
    findings: int
    kinds: dict[str, int]
    settled_to: int | None
