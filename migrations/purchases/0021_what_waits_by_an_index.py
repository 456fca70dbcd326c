"""Refunds that were not applied are listed by an index: for each page the whole table was read, applied ones and all.

Both are built beside writers, once this has committed.
"""

revision = "0021"
down_revision = "0020"

beside = {
    "parked_unapplied": "on purchases.parked_refunds (id) where outcome is distinct from 'applied'",
    "parked_of_merchant": "on purchases.parked_refunds (merchant_id, id) where outcome is distinct from 'applied'",
}


def upgrade() -> None:
    """Change nothing else."""
