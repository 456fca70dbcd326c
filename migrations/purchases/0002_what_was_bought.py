"""What rules ask for beside the amount: the lines of a purchase, a merchant's category and owners, a user's tier."""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

TABLES = r"""
alter table purchases.merchants
    add column mcc text collate "C" constraint merchant_category_shaped check (mcc ~ '^[0-9]{4}$'),
    add column owners text[] collate "C" not null default '{}'
        constraint merchant_owners_bounded check (cardinality(owners) <= 100);
comment on column purchases.merchants.mcc is 'The merchant category code of ISO 18245.';
comment on column purchases.merchants.owners is 'Users who own it: what they buy there is self-dealing.';

alter table purchases.users
    add column tier text collate "C" constraint user_tier_shaped check (tier ~ '^[a-z][a-z0-9_-]{0,39}$'),
    add column tier_since timestamptz,
    add constraint user_tier_whole check ((tier is null) = (tier_since is null));

alter table purchases.purchases
    add column lines bytea constraint purchase_lines_bounded check (octet_length(lines) between 2 and 65536);
comment on column purchases.purchases.lines is
    'What was bought, line by line in its order, as canonical JSON; null: one line, the purchase as a whole.';
"""


GRANTS = r"""
grant update (mcc, owners) on purchases.merchants to cashback_api;
grant update (tier, tier_since) on purchases.users to cashback_api;
"""


def upgrade() -> None:
    """Add the columns; the roles that may read and insert the rows may do so with these, and facts may change."""
    run(TABLES)
    run(GRANTS)
