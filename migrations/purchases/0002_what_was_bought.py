"""What rules ask for beside the amount: the lines of a purchase, a merchant's category and owner, a user's tier."""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

TABLES = r"""
alter table purchases.merchants
    add column mcc text collate "C" constraint merchant_category_shaped check (mcc ~ '^[0-9]{4}$'),
    add column owner_user_id text collate "C" references purchases.users;
comment on column purchases.merchants.mcc is 'The merchant category code of ISO 18245.';
comment on column purchases.merchants.owner_user_id is 'The user whose own shop it is.';

alter table purchases.users
    add column tier text collate "C" constraint user_tier_shaped check (tier ~ '^[a-z][a-z0-9_-]{0,39}$');

alter table purchases.purchases
    add column lines bytea constraint purchase_lines_bounded check (octet_length(lines) between 2 and 65536);
comment on column purchases.purchases.lines is
    'What was bought, line by line in its order, as canonical JSON; null: one line, the purchase as a whole.';
"""


def upgrade() -> None:
    """Add the columns; the roles that may read and insert the rows may do so with these."""
    run(TABLES)
