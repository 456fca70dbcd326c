"""An operator seals the endpoints' secrets anew, under another key."""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

GRANTS = r"""
-- What is sealed may be replaced: neither when a secret ends nor whose it is.
grant usage on schema webhooks to cashback_operator;
grant select (endpoint_id, number, sealed, ends_at), update (sealed) on webhooks.secrets to cashback_operator;
"""


def upgrade() -> None:
    """Let the operator's hand replace what is sealed."""
    run(GRANTS)
