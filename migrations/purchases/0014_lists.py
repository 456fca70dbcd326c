"""What lists are read by: purchases and refunds of a merchant, of a user and of a purchase, users by wallet or blocked.

All are built beside writers, once this has committed.
"""

revision = "0014"
down_revision = "0013"

beside = {
    "purchase_of_merchant": "on purchases.purchases (merchant_id, id)",
    "purchase_of_user": "on purchases.purchases (user_id, id)",
    "refund_of_merchant": "on purchases.refunds (merchant_id, id)",
    "refund_by_purchase": "on purchases.refunds (purchase_id, id)",
    "wallet_by_address": "on purchases.wallets (address, user_id)",
    "user_blocked": "on purchases.users (id) where is_blocked",
}


def upgrade() -> None:
    """Change nothing else."""
