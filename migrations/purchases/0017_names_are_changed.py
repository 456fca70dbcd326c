"""Names are changed: what a merchant is called, and what the operator calls a user."""

from cashback.kernel.migrations import run

revision = "0017"
down_revision = "0015"

GRANTS = r"""
grant update (name) on purchases.merchants to cashback_api;
grant update (reference) on purchases.users to cashback_api;
"""


def upgrade() -> None:
    """Let the API change them; that somebody did stands with the idempotency key, as of every command."""
    run(GRANTS)
