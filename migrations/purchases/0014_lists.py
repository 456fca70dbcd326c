"""What lists are read by: purchases and refunds of a merchant, of a user and of a purchase, users by wallet or blocked.

An index of purchases that is there already is left as it is: where there are many millions, whoever upgrades builds the
two beside writers first, by the same statements with `concurrently` (docs/adr/0075).
"""

from cashback.kernel.migrations import run

revision = "0014"
down_revision = "0012"

INDEXES = r"""
set local lock_timeout = '5s';
create index if not exists purchase_of_merchant on purchases.purchases (merchant_id, id);
create index if not exists purchase_of_user on purchases.purchases (user_id, id);
create index refund_of_merchant on purchases.refunds (merchant_id, id);
create index refund_by_purchase on purchases.refunds (purchase_id, id);
create index wallet_by_address on purchases.wallets (address, user_id);
create index user_blocked on purchases.users (id) where is_blocked;
set local lock_timeout to default;
"""


def upgrade() -> None:
    """Make the indexes."""
    run(INDEXES)
