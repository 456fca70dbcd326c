"""Answers that were passed are looked at again by who can tell more; and those go that know not what they were of.

answers_forgotten    by whom it was passed: which commands that could tell again
idempotency_keys     resource, of what was done before that was written down, as far as the answer begins with it
wallet_challenges    forgotten by the server's clock, whatever whoever calls says that it is
"""

from cashback.kernel.migrations import run

revision = "0018"
down_revision = "0017"

KNOWN = r"""
set local lock_timeout = '5s';
alter table purchases.answers_forgotten add column known text[] not null default '{}';
comment on column purchases.answers_forgotten.known is 'Which commands could be told again by who came as far.';
set local lock_timeout to default;
"""

FORGETTING = r"""
-- Forgets the answers of the next commands that were done more than `keep` ago, of those that are called so and have
-- made something: the key stays, with what it stands for. Returns how many were looked at, none at the end or while
-- somebody else is at it, and how many answers went. Of one instant all are looked at, or the next call would leave
-- some out. Nothing younger than a week is forgotten, whoever calls. Who knows of a command that whoever came so far
-- did not begins anew. Of what was done before it was written down what came of it, the answer begins with that.
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
    select case when deeds <@ known then upto else '-infinity' end
    into since
    from answers_forgotten
    for update skip locked;
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
    forgotten := 0;
    if until is null then
        return;
    end if;
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
    update answers_forgotten set upto = until, known = deeds;
end
$$;
"""

CHALLENGES = r"""
-- As before, but no later than it is: by a clock that is ahead, nobody loses a challenge that may be answered still.
-- What was answered goes with it: it has the user and the wallet, and nothing would lead an erase to it any more.
create or replace function purchases.forget_challenges(as_of timestamptz, at_most integer) returns integer
language plpgsql security definer set search_path = purchases, pg_temp as $$
declare
    forgotten integer;
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
    ),
    -- Issued at a whole second, and asked for within it: found by the index of instants.
    told as (
        update idempotency_keys as command
        set answer = null
        from gone
        where command.created_at >= gone.issued_at
          and command.created_at <= gone.issued_at + interval '999999 microseconds'
          and command.what = 'create_wallet_challenge'
          and command.resource = gone.nonce
    )
    select count(*) into forgotten from gone;
    return forgotten;
end
$$;
"""


def upgrade() -> None:
    """Write down who came how far, and have what is passed anew begin with what names nothing yet."""
    run(KNOWN)
    run(FORGETTING)
    run(CHALLENGES)
