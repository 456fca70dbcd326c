"""Answers are forgotten in one order by all, each release goes its own way through them, and ownership ends as well.

answers_forgotten    a row for each set of commands that somebody can tell again: how far those have come who can
merchants            erased users own none of them; the index by owner is built beside writers, once this has committed
reserve_free         keys that nobody holds, found by one statement
"""

from cashback.kernel.migrations import run

revision = "0019"
down_revision = "0018"

beside = {"merchant_of_owner": "on purchases.merchants using gin (owners)"}

SETS = r"""
set local lock_timeout = '5s';
alter table purchases.answers_forgotten drop column is_only, add primary key (known);
comment on table purchases.answers_forgotten is 'How far answers were forgotten, by those who can tell these again.';
set local lock_timeout to default;
"""

FORGETTING = r"""
-- Forgets the answers of the next commands that were done more than `keep` ago, of those that are called so and have
-- made something: the key stays, with what it stands for. Returns how many were looked at, none at the end or while
-- somebody else is at it, and how many answers went. Of one instant all are looked at, or the next call would leave
-- some out. Nothing younger than a week is forgotten, whoever calls. Whoever can tell these commands again goes on
-- where somebody came to who can tell these or more; what one has passed who can tell fewer is looked at by those who
-- can tell more, and neither begins anew because of the other. Of what was done before it was written down what came
-- of it, the answer begins with that. Answers are locked in the order of their keys, as by everybody who forgets some.
create or replace function purchases.forget_answers(
    keep interval, deeds text[], at_most integer, out looked_at integer, out forgotten integer
) language plpgsql security definer set search_path = purchases, pg_temp as $$
declare
    since timestamptz;
    until timestamptz;
begin
    if keep is null or keep < interval '7 days' then
        raise exception 'answers are kept for a week at least' using errcode = 'check_violation';
    end if;
    select 0, 0 into looked_at, forgotten;
    if not pg_try_advisory_xact_lock(hashtextextended('purchases.answers_forgotten', 0)) then
        return;
    end if;
    deeds := array(select distinct deed from unnest(deeds) as given (deed) order by deed);
    select coalesce(max(upto), '-infinity')
    into since
    from answers_forgotten
    where known @> deeds;
    select max(created_at), count(*)
    into until, looked_at
    from (
        select created_at
        from idempotency_keys
        where created_at > since
          and created_at < now() - keep
        order by created_at
        limit least(at_most, 1000)
    ) as old;
    if until is null then
        return;
    end if;
    perform
    from idempotency_keys
    where created_at > since
      and created_at <= until
      and answer is not null
    order by owner, key
    for no key update;
    update idempotency_keys
    set resource = substring(convert_from(answer, 'UTF8') from '^\{"id":"((?:pur|rfd|usr)_[0-9a-z]{26})"')
    where created_at > since
      and created_at <= until
      and answer is not null
      and resource is null
      and what is null;
    update idempotency_keys
    set answer = null
    where created_at > since
      and created_at <= until
      and answer is not null
      and resource is not null
      and coalesce(what, case
          when resource like 'pur\_%' then 'create_purchase'
          when resource like 'rfd\_%' then 'create_refund'
          when resource like 'usr\_%' then 'create_user' end) = any(deeds);
    get diagnostics forgotten = row_count;
    -- Who could tell fewer and came no farther has nothing to say any more.
    delete from answers_forgotten where known <@ deeds and upto <= until;
    insert into answers_forgotten (known, upto) values (deeds, until);
end
$$;
"""

CHALLENGES = r"""
-- As before: challenges that nobody has answered and that ended a day ago, with what was answered then; their keys are
-- locked in order, after the challenges.
create or replace function purchases.forget_challenges(as_of timestamptz, at_most integer) returns integer
language plpgsql security definer set search_path = purchases, pg_temp as $$
declare
    nonces text[];
    since timestamptz[];
begin
    with gone as (
        delete from wallet_challenges
        where nonce = any(array(
            select nonce
            from wallet_challenges
            where used_at is null
              and expires_at < least(as_of, now()) - interval '1 day'
            order by expires_at
            limit least(at_most, 1000)
            for update skip locked
        ))
        returning nonce, issued_at
    )
    select coalesce(array_agg(nonce), '{}'), coalesce(array_agg(issued_at), '{}') into nonces, since from gone;
    -- Issued at a whole second, and asked for within it: found by the index of instants.
    with told as (
        select command.owner, command.key
        from unnest(nonces, since) as gone (nonce, issued_at)
        join idempotency_keys as command
            on command.created_at >= gone.issued_at
            and command.created_at <= gone.issued_at + interval '999999 microseconds'
            and command.what = 'create_wallet_challenge'
            and command.resource = gone.nonce
        order by command.owner, command.key
        for no key update of command
    )
    update idempotency_keys as command
    set answer = null
    from told
    where command.owner = told.owner
      and command.key = told.key;
    return cardinality(nonces);
end
$$;
"""

ERASING = r"""
-- Takes away what made a user a person: the operator's name and the tier, all wallets with their challenges and
-- changes, the reasons of blocks, what they own, and the answers that told of any of it but of that. Returns whether
-- there is such a user, and whether it is news; a second time finds what slipped in since. Answers are found by when
-- the commands were done: each of them left a row with the very instant that its key has, whatever the clock said
-- before and after; all but those that changed nothing, which are forgotten by their age. Challenges are locked before
-- keys, and keys in order, as by everybody who forgets some.
create or replace function purchases.erase_user(
    whom text, by_person text, because text, as_of timestamptz, deeds text[], out is_known boolean, out is_news boolean
) language plpgsql security definer
set search_path = purchases, pg_temp as $$
begin
    select true, erased_at is null into is_known, is_news from users where id = whom for no key update;
    if not found then
        select false, false into is_known, is_news;
        return;
    end if;
    perform from wallet_challenges where user_id = whom order by nonce for update;
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
    ),
    ours as (
        select command.owner, command.key
        from idempotency_keys as command
        join told on command.owner = told.owner and command.key = told.key
        order by command.owner, command.key
        for no key update of command
    )
    update idempotency_keys as command
    set answer = null
    from ours
    where command.owner = ours.owner
      and command.key = ours.key;
    perform set_config('purchases.erasing', 'yes', true);
    delete from wallet_changes where user_id = whom;
    delete from wallet_challenges where user_id = whom;
    delete from wallets where user_id = whom;
    update user_blocks set reason = 'erased' where user_id = whom and is_news;
    perform set_config('purchases.erasing', 'no', true);
    -- Where they bought, self-dealing, nobody asks any more: who is blocked earns nothing anywhere.
    perform from merchants where owners @> array[whom] order by id for no key update;
    update merchants set owners = array_remove(owners, whom) where owners @> array[whom];
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
"""

RESERVING = r"""
-- Reserves those keys that are free and that nobody holds: in their order, many at a time and, behind one that is held,
-- ever fewer down to that one, which is left out. Returns the places of those that are ours now and of those that are
-- held, counted from 1, and how often that was waited for; what is neither stands for something.
create function purchases.reserve_free(
    owners text[], keys text[], fingerprints bytea[], by_keys text[], whats text[], as_of timestamptz, patience text,
    out fresh bigint[], out held bigint[], out waits integer
) language plpgsql set search_path = purchases, pg_temp as $$
declare
    usual text := current_setting('lock_timeout');
    at_place integer := 1;
    width integer := 64;
    -- Up to there at least one is held, of those that come next.
    known_to integer := 0;
    last integer;
begin
    select '{}', '{}', 0 into fresh, held, waits;
    -- Whoever has the table itself, as a migration may, is waited for as usual.
    insert into idempotency_keys (owner, key, fingerprint, by_key, what, created_at)
    select null, null, null, null, null, null where false;
    perform set_config('lock_timeout', patience, true);
    while at_place <= cardinality(keys) loop
        width := least(width, cardinality(keys) - at_place + 1);
        last := at_place + width - 1;
        begin
            with given as (
                select *
                from unnest(owners[at_place:last], keys[at_place:last], fingerprints[at_place:last],
                            by_keys[at_place:last], whats[at_place:last])
                    with ordinality as one (owner, key, fingerprint, by_key, what, place)
            ),
            reserved as (
                insert into idempotency_keys (owner, key, fingerprint, by_key, what, created_at)
                select owner, key, fingerprint, by_key, what, as_of
                from given
                order by owner, key
                on conflict do nothing
                returning owner, key
            )
            select fresh || coalesce(array_agg(at_place - 1 + given.place), '{}') into fresh
            from reserved
            join given using (owner, key);
            at_place := at_place + width;
            width := case when at_place > known_to then least(2 * width, 64)
                          else greatest((known_to - at_place + 1) / 2, 1) end;
        exception when lock_not_available then
            waits := waits + 1;
            if width > 1 then
                known_to := least(last, cardinality(keys));
                width := width / 2;
            else
                held := held || at_place::bigint;
                at_place := at_place + 1;
            end if;
        end;
    end loop;
    perform set_config('lock_timeout', usual, true);
end
$$;
revoke execute on function purchases.reserve_free from public;
grant execute on function purchases.reserve_free to cashback_api;
"""


def upgrade() -> None:
    """Have all who forget lock alike, remember for each set of commands how far they were passed, and end ownership."""
    for part in (SETS, FORGETTING, CHALLENGES, ERASING, RESERVING):
        run(part)
