"""A relay moves a lane and holds it, and a lease changes hands: which lane or lease it is stays."""

from cashback.kernel.migrations import run

revision = "0008"
down_revision = "0007"

GRANTS = """
revoke update on minting.outbox_cursors from minting_relay;
grant update (position, token, holder, expires_at, asked_by, asked_until) on minting.outbox_cursors to minting_relay;
revoke update on minting.leases from minting_worker;
grant update (holder, token, expires_at) on minting.leases to minting_worker;
"""


def upgrade() -> None:
    """Take back what nobody needs."""
    run(GRANTS)
