"""What the API reads of the books' evidence and of the runs that check them: the columns that its answers show.

Running stays where it was: the worker seals, anchors and recomputes, the auditor reconciles.
"""

from cashback.kernel.migrations import run

revision = "0025"
down_revision = "0023"

GRANTS = r"""
grant select (number, xact, position, bytes, hash) on ledger.leaves to cashback_api;
grant select on ledger.seals, ledger.anchors, ledger.recomputations to cashback_api;
grant select (position, mode, reason, asked_by, began_at, ended_at, after_block, at_block, at_block_hash, requested,
    logs, logs_amount, burned, explained, total_supply, findings, kinds, settled_to)
    on ledger.reconciliations to cashback_api;
"""


def upgrade() -> None:
    """Let the API read them."""
    run(GRANTS)
