"""The worker of webhooks looks up which merchant a cashback belongs to, and reads nothing else of the ledger.

Its role is there before: `cashback migrate` provides roles first.
"""

from cashback.kernel.migrations import run

revision = "0032"
down_revision = "0031"

GRANTS = r"""
grant usage on schema ledger to cashback_webhooks;
grant select (id, merchant_id) on ledger.cashback_ledger to cashback_webhooks;
"""


def upgrade() -> None:
    """Grant two columns."""
    run(GRANTS)
