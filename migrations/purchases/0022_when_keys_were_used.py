"""When an API key let somebody in for the last time: each process of the API writes it down once a minute at most.

It may be null, for keys of before, for those that nobody has used, and for a release that does not write it; it has no
default, so that no row is written anew. No index has it, so that writing it touches none as long as
the row's page has room.
"""

from cashback.kernel.migrations import run

revision = "0022"
down_revision = "0021"

KEYS = r"""
set local lock_timeout = '5s';
alter table purchases.api_keys
    add column last_used_at timestamptz constraint key_use_in_range check (
        last_used_at between timestamptz '1900-01-01 00:00:00+00' and timestamptz '9999-01-01 00:00:00+00'
    );
comment on column purchases.api_keys.last_used_at is 'When it let somebody in for the last time, as far as written.';
set local lock_timeout to default;
"""

GRANTS = r"""
grant update (last_used_at) on purchases.api_keys to cashback_api;
grant select (last_used_at) on purchases.api_keys to cashback_auditor;
"""


def upgrade() -> None:
    """Add the column, let nothing else in, and say who may change it."""
    run(KEYS)
    run(GRANTS)
