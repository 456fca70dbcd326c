"""Users' purchases are found by merchant and by time: a decision reads no more of them than it asks for.

What was given by hand is no purchase, and no row ever changes what the index names: its updates stay in place.
"""

from cashback.kernel.migrations import run

revision = "0022"
down_revision = "0021"

BOUGHT = """
create index cashback_bought on ledger.cashback_ledger (user_id, merchant_id, created_at)
    where purchase_id is not null;
"""


def upgrade() -> None:
    """Add the index; it grants nobody anything."""
    run(BOUGHT)
