"""Rotating the outbox reads one row for each lane of a day, and locks writers out for nothing but dropping."""

from cashback.kernel.migrations import block, run

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Replace the function; who may call it stays."""
    run(block("outbox_v4", schema="ledger"))
