"""Personal data is told to whom it is about, and taken away, by one function that nobody can half use.

users            when what made a user a person was erased
user_blocks      what was said of an erased user is blanked; that it was said, by whom and when, stays
disclosures      who had the data of a user told, or erased; never changed

The index by user is built beside writers, once this has committed.
"""

from cashback.kernel.migrations import run

revision = "0016"
down_revision = "0015"

beside = {"challenge_of_user": "on purchases.wallet_challenges (user_id, issued_at)"}

LOCKS = r"""
-- All that is changed below, in the order in which others take it: whoever has begun with one of them ends first.
set local lock_timeout = '5s';
lock table purchases.wallet_changes, purchases.wallets, purchases.user_blocks, purchases.users
    in access exclusive mode;
set local lock_timeout to default;
"""

USERS = r"""
set local lock_timeout = '5s';
alter table purchases.users
    add column erased_at timestamptz,
    add constraint user_erased_is_nobody check (
        erased_at is null or is_blocked and num_nonnulls(reference, tier, tier_since) = 0) not valid;
comment on column purchases.users.erased_at is 'When the data was erased that made this user a person.';
set local lock_timeout to default;
"""

DISCLOSURES = r"""
create table purchases.disclosures (
    position bigint generated always as identity,
    at timestamptz not null,
    key_id text collate "C" constraint disclosure_asker_shaped check (key_id like 'key\_%'),
    what text collate "C" not null constraint disclosure_known check (what in ('export', 'erasure')),
    user_id text collate "C" not null references purchases.users,
    trace text collate "C" constraint disclosure_trace_shaped check (trace ~ '^[0-9a-f]{32}$'),
    primary key (user_id, position)
);
comment on table purchases.disclosures is 'Who had a user''s data told, or erased: by which API key, in which trace.';
create trigger disclosures_immutable before update or delete or truncate on purchases.disclosures
    for each statement execute function purchases.refuse_change();
"""

WALLS = r"""
set local lock_timeout = '5s';
-- What stays as it is gives way to erase_user alone, and to it for one operation: the setting is set in that function,
-- and whoever sets it elsewhere is not the tables' owner.
create function purchases.refuse_unless_erasing() returns trigger language plpgsql as $$
begin
    if tg_op = tg_argv[0]
       and current_setting('purchases.erasing', true) = 'yes'
       and (select pg_get_userbyid(relowner) = current_user from pg_class where oid = tg_relid)
    then
        return null;
    end if;
    raise exception 'rows of %.% stay as they are', tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function purchases.refuse_unless_erasing from public;

drop trigger wallets_immutable on purchases.wallets;
create trigger wallets_immutable before update or delete or truncate on purchases.wallets
    for each statement execute function purchases.refuse_unless_erasing('DELETE');
drop trigger wallet_changes_kept on purchases.wallet_changes;
create trigger wallet_changes_kept before delete or truncate on purchases.wallet_changes
    for each statement execute function purchases.refuse_unless_erasing('DELETE');
drop trigger user_blocks_immutable on purchases.user_blocks;
create trigger user_blocks_immutable before update or delete or truncate on purchases.user_blocks
    for each statement execute function purchases.refuse_unless_erasing('UPDATE');
set local lock_timeout to default;
"""

ERASING = r"""
-- Takes away what made a user a person: the operator's name and the tier, all wallets with their challenges and
-- changes, the reasons of blocks, and the answers that told of any of it. Returns whether there is such a user, and
-- whether it is news; a second time finds what slipped in since. Answers are found by when the commands were done: each
-- of them left a row that says so, all but those that changed nothing, which are forgotten by their age.
create function purchases.erase_user(
    whom text, by_person text, because text, as_of timestamptz, deeds text[], out is_known boolean, out is_news boolean
) language plpgsql security definer
set search_path = purchases, pg_temp as $$
begin
    select true, erased_at is null into is_known, is_news from users where id = whom for no key update;
    if not found then
        is_known := false;
        is_news := false;
        return;
    end if;
    with span (first, last) as (
        select created_at, created_at from users where id = whom
        union
        select tier_since, tier_since from users where id = whom and tier_since is not null
        union
        select linked_at, linked_at from wallets where user_id = whom
        union
        select asked_at, asked_at from wallet_changes where user_id = whom
        union
        select ended_at, ended_at from wallet_changes where user_id = whom and ended_at is not null
        union
        select at, at from user_blocks where user_id = whom
        union
        -- Of the revision after this one, which nobody runs without.
        select at, at from reference_changes where user_id = whom
        union
        -- Issued at a whole second, and asked for within it.
        select issued_at, issued_at + interval '999999 microseconds' from wallet_challenges where user_id = whom
    ),
    about (id) as (
        select whom
        union all
        select id from wallet_changes where user_id = whom
        union all
        select nonce from wallet_challenges where user_id = whom
    ),
    -- Span by span, by the index of instants: offset 0 keeps it from being read as a whole.
    told as (
        select done.owner, done.key
        from span
        cross join lateral (
            select owner, key
            from idempotency_keys
            where created_at >= span.first
              and created_at <= span.last
              and answer is not null
              and what = any(deeds)
              and resource in (select id from about)
            offset 0
        ) as done
    )
    update idempotency_keys as command
    set answer = null
    from told
    where command.owner = told.owner
      and command.key = told.key;
    perform set_config('purchases.erasing', 'yes', true);
    delete from wallet_changes where user_id = whom;
    delete from wallet_challenges where user_id = whom;
    delete from wallets where user_id = whom;
    update user_blocks set reason = 'erased' where user_id = whom and is_news;
    perform set_config('purchases.erasing', 'no', true);
    if not is_news then
        return;
    end if;
    insert into user_blocks (user_id, is_blocked, person, reason, at) values (whom, true, by_person, because, as_of);
    update users
    set reference = null,
        tier = null,
        tier_since = null,
        is_blocked = true,
        erased_at = as_of
    where id = whom;
end
$$;
revoke execute on function purchases.erase_user from public;
"""

GRANTS = r"""
grant select on purchases.disclosures to cashback_api, cashback_auditor;
grant insert (at, key_id, what, user_id, trace) on purchases.disclosures to cashback_api;
grant execute on function purchases.erase_user to cashback_api;
"""


def upgrade() -> None:
    """Let what is personal be erased, by whom and when be known, and nothing else change."""
    run(LOCKS)
    run(DISCLOSURES)
    run(ERASING)
    run(GRANTS)
    run(USERS)
    run(WALLS)
