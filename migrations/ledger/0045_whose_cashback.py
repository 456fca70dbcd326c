"""The worker of webhooks looks up whose a cashback is: of which purchase and user, besides the merchant.

Its role is there before: `cashback migrate` provides roles first.
"""

from cashback.kernel.migrations import run

revision = "0045"
down_revision = "0044"

GRANTS = r"""
grant select (purchase_id, user_id) on ledger.cashback_ledger to cashback_webhooks;
"""


def upgrade() -> None:
    """Grant two columns more."""
    run(GRANTS)
