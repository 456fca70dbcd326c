"""What an API key was made for and how long it lives, and of every command ever accepted: who asked, for what.

api_keys            what it may do, how often, until when, which key it replaces, and which key asked for it
idempotency_keys    the API key that the first request came with, what it ordered, and what came of that

Every column may be null, for rows of before and for a release that does not write it; none has a default, so that no
row is written anew.
"""

from cashback.kernel.migrations import run

revision = "0011"
down_revision = "0010"

COMMANDS = r"""
set local lock_timeout = '5s';
-- No reference to the API key: it would lock the key's row for every purchase, and keys are never deleted. The rows of
-- before are not read, under a lock that everybody waits for: what they have here is null.
alter table purchases.idempotency_keys
    add column by_key text collate "C",
    add column what text collate "C",
    add column resource text collate "C",
    add constraint idempotency_asker_shaped check (by_key like 'key\_%') not valid,
    add constraint idempotency_what_bounded check (length(what) between 1 and 100) not valid,
    add constraint idempotency_resource_bounded check (length(resource) between 1 and 200) not valid;
comment on column purchases.idempotency_keys.by_key is 'The API key that the first request came with, if with any.';
comment on column purchases.idempotency_keys.what is 'What was ordered, where its id does not say so.';
comment on column purchases.idempotency_keys.resource is 'The id of what was made or changed.';
"""

KEYS = r"""
alter table purchases.api_keys
    add column scopes text[] collate "C"
        constraint key_scopes_bounded check (cardinality(scopes) between 1 and 100)
        constraint key_scopes_named check (array_position(scopes, null) is null),
    add column expires_at timestamptz,
    add column rate_per_s integer constraint key_rate_bounded check (rate_per_s between 1 and 1000000),
    add column burst integer constraint key_burst_bounded check (burst between 1 and 10000000),
    add column replaces text collate "C" references purchases.api_keys,
    add column created_by text collate "C" references purchases.api_keys,
    add constraint key_expiry_in_range check (expires_at between created_at and timestamptz '9999-01-01 00:00:00+00'),
    add constraint key_rate_whole check ((rate_per_s is null) = (burst is null)),
    add constraint key_replaces_another check (replaces <> id),
    add constraint key_made_by_another check (created_by <> id);
comment on column purchases.api_keys.scopes is 'The scopes that it was made for; null is whatever its kind may do.';
comment on column purchases.api_keys.created_by is 'The API key that asked for it; null is the command line.';
set local lock_timeout to default;
"""

GRANTS = r"""
grant update (expires_at) on purchases.api_keys to cashback_api;
grant select (scopes, expires_at, rate_per_s, burst, replaces, created_by) on purchases.api_keys to cashback_auditor;
"""


def upgrade() -> None:
    """Add the columns, let nothing else in, and say who may change them."""
    run(COMMANDS)
    run(KEYS)
    run(GRANTS)
