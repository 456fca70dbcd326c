"""The oldest request without an outcome and the mints that are stuck are asked for every few seconds: by an index each.

Both are as small as what is under way, and what is stuck.
"""

from cashback.kernel.migrations import run

revision = "0035"
down_revision = "0033"

INDEXES = r"""
set local lock_timeout = '5s';
create index cashback_requested on ledger.cashback_ledger (requested_at) where state = 'mint_requested';
create index cashback_stuck on ledger.cashback_ledger (position) where state = 'stuck';
set local lock_timeout to default;
"""


def upgrade() -> None:
    """Make the indexes."""
    run(INDEXES)
