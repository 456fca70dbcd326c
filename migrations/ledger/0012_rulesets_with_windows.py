"""Rulesets as people work with them: drafts, versions in windows that never overlap, and what was withdrawn in time.

A published version stays as it is, save that an open end may be closed once. A version that has not started may be
withdrawn: by a row beside it, since the version itself stays; its window is then free.
"""

from cashback.kernel.migrations import run

revision = "0012"
down_revision = "0011"

DRAFTS = r"""
create table ledger.ruleset_drafts (
    id text collate "C" primary key constraint draft_id_shaped check (id like 'drf\_%'),
    programme_id text collate "C" not null references ledger.programmes,
    name text not null constraint draft_name_bounded check (length(name) between 1 and 200),
    document bytea not null constraint draft_document_bounded check (octet_length(document) between 2 and 1048576),
    revision integer not null default 1 constraint draft_revision_positive check (revision > 0),
    created_at timestamptz not null,
    changed_at timestamptz not null,
    discarded_at timestamptz,
    ruleset_id text collate "C" references ledger.rulesets,
    constraint draft_published_or_discarded check (num_nonnulls(discarded_at, ruleset_id) <= 1)
);
comment on column ledger.ruleset_drafts.ruleset_id is 'The version that it was published as; then it changes no more.';
create index draft_of_programme on ledger.ruleset_drafts (programme_id, id);
create trigger drafts_kept before delete or truncate on ledger.ruleset_drafts
    for each statement execute function ledger.refuse_change();
"""

WINDOWS = r"""
alter table ledger.rulesets
    add column closes text collate "C" references ledger.rulesets;
comment on column ledger.rulesets.closes is 'The version whose open end this one closed when it was published.';

create table ledger.ruleset_withdrawals (
    ruleset_id text collate "C" primary key references ledger.rulesets,
    reason text not null constraint withdrawal_reason_bounded check (length(reason) between 1 and 200),
    withdrawn_by text collate "C" not null,
    at timestamptz not null
);
create trigger withdrawals_immutable before update or delete or truncate on ledger.ruleset_withdrawals
    for each statement execute function ledger.refuse_change();

create function ledger.keep_withdrawal_early() returns trigger language plpgsql
security definer set search_path = pg_catalog as $$
begin
    if not exists (select from ledger.rulesets where id = new.ruleset_id and starts_at > new.at) then
        raise exception 'ruleset % has started', new.ruleset_id
            using errcode = 'check_violation', constraint = 'withdrawal_before_start';
    end if;
    return new;
end
$$;
create trigger withdrawal_early before insert on ledger.ruleset_withdrawals
    for each row execute function ledger.keep_withdrawal_early();

-- An exclusion constraint cannot look at the withdrawals; whoever publishes waits here for whoever else does.
create function ledger.keep_windows_apart() returns trigger language plpgsql
security definer set search_path = pg_catalog as $$
begin
    perform from ledger.programmes where id = new.programme_id for no key update;
    if exists (
        select
        from ledger.rulesets as other
        where other.programme_id = new.programme_id
          and other.id <> new.id
          and tstzrange(other.starts_at, other.ends_at) && tstzrange(new.starts_at, new.ends_at)
          and not exists (select from ledger.ruleset_withdrawals where ruleset_id = other.id))
    then
        raise exception 'the window of ruleset % overlaps another one', new.id
            using errcode = 'exclusion_violation', constraint = 'ruleset_windows_apart';
    end if;
    return new;
end
$$;
create trigger ruleset_windows_apart before insert or update of ends_at on ledger.rulesets
    for each row execute function ledger.keep_windows_apart();

create function ledger.keep_ruleset() returns trigger language plpgsql as $$
declare
    closed ledger.rulesets := old;
begin
    closed.ends_at := new.ends_at;
    if old.ends_at is not null or new.ends_at is null or new is distinct from closed then
        raise exception 'rows of ledger.rulesets stay as they are' using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
drop trigger rulesets_immutable on ledger.rulesets;
create trigger rulesets_immutable
    before delete or truncate
        or update of id, programme_id, version, rate_bps, document, digest, starts_at, published_at, published_by,
            closes
    on ledger.rulesets
    for each statement execute function ledger.refuse_change();
create trigger ruleset_closed_once before update on ledger.rulesets
    for each row execute function ledger.keep_ruleset();
"""

GRANTS = r"""
revoke execute on function ledger.keep_withdrawal_early, ledger.keep_windows_apart, ledger.keep_ruleset from public;
grant select on ledger.ruleset_drafts, ledger.ruleset_withdrawals to cashback_api, cashback_auditor;
grant insert on ledger.ruleset_drafts, ledger.ruleset_withdrawals to cashback_api;
grant update (document, name, revision, changed_at, discarded_at, ruleset_id) on ledger.ruleset_drafts to cashback_api;
grant update (ends_at) on ledger.rulesets to cashback_api;
-- To lock the row is to be allowed to change something of it.
grant update (ended_at) on ledger.programmes to cashback_api;
grant select on ledger.ruleset_withdrawals to cashback_ledger;
"""


def upgrade() -> None:
    """Add drafts, windows that stay apart, and withdrawals."""
    run(DRAFTS)
    run(WINDOWS)
    run(GRANTS)
