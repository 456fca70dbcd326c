"""A relay moves a lane and holds it, and a lease changes hands: which lane or lease it is stays."""

from cashback.kernel.migrations import run

revision = "0033"
down_revision = "0032"

GRANTS = """
revoke update on ledger.outbox_cursors from cashback_relay;
grant update (position, token, holder, expires_at, asked_by, asked_until) on ledger.outbox_cursors to cashback_relay;
revoke update on ledger.leases from cashback_ledger;
grant update (holder, token, expires_at) on ledger.leases to cashback_ledger;
"""


def upgrade() -> None:
    """Take back what nobody needs."""
    run(GRANTS)
