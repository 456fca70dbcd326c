"""What rules ask about people: a merchant's category and owners, a user's tier."""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

FACTS = r"""
alter table purchases.merchants
    add column mcc text collate "C" constraint merchant_mcc_shaped check (mcc ~ '^[0-9]{4}$'),
    add column owners text[] collate "C" not null default '{}'
        constraint merchant_owners_bounded check (cardinality(owners) <= 100);
comment on column purchases.merchants.owners is 'Users who own it: what they buy there is self-dealing.';

alter table purchases.users
    add column tier text collate "C" constraint user_tier_shaped check (tier ~ '^[a-z][a-z0-9_-]{0,39}$'),
    add column tier_since timestamptz,
    add constraint user_tier_whole check ((tier is null) = (tier_since is null));
"""

GRANTS = r"""
grant update (mcc, owners) on purchases.merchants to cashback_api;
grant update (tier, tier_since) on purchases.users to cashback_api;
"""


def upgrade() -> None:
    """Add the facts."""
    run(FACTS)
    run(GRANTS)
