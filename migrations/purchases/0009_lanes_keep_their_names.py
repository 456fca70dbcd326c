"""A relay moves a lane and holds it: which lane it is stays."""

from cashback.kernel.migrations import run

revision = "0009"
down_revision = "0007"

GRANTS = """
revoke update on purchases.outbox_cursors from cashback_relay;
grant update (position, token, holder, expires_at, asked_by, asked_until) on purchases.outbox_cursors to cashback_relay;
"""


def upgrade() -> None:
    """Take back what nobody needs."""
    run(GRANTS)
