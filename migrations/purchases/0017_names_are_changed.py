"""Names are changed: what a merchant is called, and what the operator calls a user.

reference_changes  when the reference of a user was set: whoever looks for answers that told of it finds them by that

What a user was called before is kept nowhere but in those answers, for as long as answers are.
"""

from cashback.kernel.migrations import run

revision = "0017"
down_revision = "0016"

CHANGES = r"""
set local lock_timeout = '5s';
create table purchases.reference_changes (
    position bigint generated always as identity,
    user_id text collate "C" not null references purchases.users,
    at timestamptz not null,
    primary key (user_id, position)
);
comment on column purchases.reference_changes.at is 'The instant of the command, as its idempotency key has it.';
create trigger reference_changes_immutable before update or delete or truncate on purchases.reference_changes
    for each statement execute function purchases.refuse_change();
set local lock_timeout to default;
"""

GRANTS = r"""
grant update (name) on purchases.merchants to cashback_api;
grant update (reference) on purchases.users to cashback_api;
grant insert (user_id, at) on purchases.reference_changes to cashback_api;
grant select on purchases.reference_changes to cashback_auditor;
"""


def upgrade() -> None:
    """Let the API change names, and say when; by whom stands with the idempotency key, as of every command."""
    run(CHANGES)
    run(GRANTS)
