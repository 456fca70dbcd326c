"""A lease changes hands: which one it is stays."""

from cashback.kernel.migrations import run

revision = "0010"
down_revision = "0009"

GRANTS = """
revoke update on chain.leases from chain_adapter;
grant update (holder, token, expires_at) on chain.leases to chain_adapter;
"""


def upgrade() -> None:
    """Take back what nobody needs."""
    run(GRANTS)
