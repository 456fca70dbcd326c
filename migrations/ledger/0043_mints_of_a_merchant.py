"""What a merchant's list of mints is read by: its numbers in their order, without going along everybody's.

It is built beside writers, once this has committed.
"""

revision = "0043"
down_revision = "0042"

beside = {
    "cashback_minted_at_merchant": (
        "on ledger.cashback_ledger (merchant_id, mint_number) where mint_number is not null and merchant_id is not null"
    )
}


def upgrade() -> None:
    """Change nothing else."""
