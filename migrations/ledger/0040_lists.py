"""What lists of cashback are read by: a merchant's, and those in a state that few are in.

An index that is there already is left as it is: where there are many millions, whoever upgrades builds the two beside
writers first, by the same statements with `concurrently` (docs/adr/0075).
"""

from cashback.kernel.migrations import run

revision = "0040"
down_revision = "0036"

INDEXES = r"""
set local lock_timeout = '5s';
create index if not exists cashback_of_merchant on ledger.cashback_ledger (merchant_id, id)
    where merchant_id is not null;
create index if not exists cashback_rare on ledger.cashback_ledger (state, id)
    where state in ('expired', 'netted', 'reversed', 'review', 'stuck', 'voided', 'waitlisted');
set local lock_timeout to default;
"""


def upgrade() -> None:
    """Make the indexes."""
    run(INDEXES)
