"""Who may earn at present, and who said so: users are blocked, merchants deactivated, each in a person's name.

user_blocks              each block of a user, and each end of one
merchant_deactivations   the same of a merchant
"""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

JOURNALS = r"""
-- The user itself holds only whether they are blocked; the newest row here says since when, and why.
create table purchases.user_blocks (
    position bigint generated always as identity primary key,
    user_id text collate "C" not null references purchases.users,
    is_blocked boolean not null,
    person text not null constraint block_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint block_reason_bounded check (length(reason) between 1 and 500),
    at timestamptz not null
);
create index block_of_user on purchases.user_blocks (user_id, position);

create table purchases.merchant_deactivations (
    position bigint generated always as identity primary key,
    merchant_id text collate "C" not null references purchases.merchants,
    is_active boolean not null,
    person text not null constraint deactivation_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint deactivation_reason_bounded check (length(reason) between 1 and 500),
    at timestamptz not null
);
create index deactivation_of_merchant on purchases.merchant_deactivations (merchant_id, position);

create trigger user_blocks_immutable before update or delete or truncate on purchases.user_blocks
    for each statement execute function purchases.refuse_change();
create trigger merchant_deactivations_immutable before update or delete or truncate on purchases.merchant_deactivations
    for each statement execute function purchases.refuse_change();
"""

GRANTS = r"""
grant select on purchases.user_blocks, purchases.merchant_deactivations to cashback_api, cashback_auditor;
grant insert (user_id, is_blocked, person, reason, at) on purchases.user_blocks to cashback_api;
grant insert (merchant_id, is_active, person, reason, at) on purchases.merchant_deactivations to cashback_api;
"""


def upgrade() -> None:
    """Add the two journals; who may say whether somebody earns could do so before, and told nobody why."""
    run(JOURNALS)
    run(GRANTS)
