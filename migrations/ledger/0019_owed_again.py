"""What is given back after its number was retired is owed for again, if its programme had given that up."""

from cashback.kernel.migrations import run

revision = "0019"
down_revision = "0018"

GRANTS = r"""
grant update (debt_units) on ledger.cashback_ledger to cashback_operator;
"""


def upgrade() -> None:
    """Let the operator's hand raise what a cashback made its user owe."""
    run(GRANTS)
