"""The worker reads programmes and their rules: it compares what one purchase may earn with what is minted at once."""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

GRANTS = r"""
grant select on ledger.programmes, ledger.rulesets to cashback_ledger;
"""


def upgrade() -> None:
    """Let it read."""
    run(GRANTS)
