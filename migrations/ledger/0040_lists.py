"""What lists of cashback are read by: a user's, a merchant's, and those in a state that few are in.

All are built beside writers, once this has committed.
"""

revision = "0040"
down_revision = "0036"

beside = {
    "cashback_listed_of_user": "on ledger.cashback_ledger (user_id, id)",
    "cashback_of_merchant": "on ledger.cashback_ledger (merchant_id, id) where merchant_id is not null",
    "cashback_rare": (
        "on ledger.cashback_ledger (state, id)"
        " where state in ('expired', 'netted', 'reversed', 'review', 'stuck', 'voided', 'waitlisted')"
    ),
}


def upgrade() -> None:
    """Change nothing else."""
