"""What ended long ago is forgotten: deliveries with their tries, and what the endpoints' journal has of them."""

from cashback.kernel.migrations import run

revision = "0003"
down_revision = "0002"

FORGETTING = r"""
set local lock_timeout = '5s';
create index delivery_ended on webhooks.deliveries (ended_at, id) where ended_at is not null;
create index journal_by_time on webhooks.endpoint_journal (done_at);
set local lock_timeout to default;

-- Forgets deliveries that ended more than `keep` ago, with their tries, from behind a place on. Returns how many and
-- the place of the last one that was looked at, null at the end. One that was made again is kept as long as any of its
-- repetitions. Whoever calls can take away nothing that is open, and nothing younger than a week.
create function webhooks.forget_deliveries(
    keep interval, at_most integer, inout after_ended timestamptz, inout after_id text, out forgotten integer
) language plpgsql security definer set search_path = webhooks, pg_temp as $$
declare
    old text[];
    free text[];
    ends timestamptz[];
begin
    if keep is null or keep < interval '7 days' then
        raise exception 'deliveries are kept for a week at least' using errcode = 'check_violation';
    end if;
    -- Locked first, so that nobody repeats one of them from here on, and those repeated until here are seen below.
    select array_agg(found.id), array_agg(found.ended_at)
    into old, ends
    from (
        select id, ended_at
        from deliveries
        where ended_at < now() - keep
          and (ended_at, id) > (after_ended, after_id)
        order by ended_at, id
        limit least(at_most, 1000)
        for update skip locked
    ) as found;
    free := array(
        select given.id
        from unnest(old) as given (id)
        where not exists (select from deliveries as again where again.replay_of = given.id)
    );
    delete from attempts where delivery_id = any(free);
    delete from deliveries where id = any(free);
    forgotten := cardinality(free);
    after_id := old[cardinality(old)];
    after_ended := ends[cardinality(ends)];
end
$$;

-- Forgets what was written into the journal more than `keep` ago, and returns how many lines. None younger than a year.
create function webhooks.forget_journal(keep interval, at_most integer) returns integer
language plpgsql security definer set search_path = webhooks, pg_temp as $$
declare
    forgotten integer;
begin
    if keep is null or keep < interval '365 days' then
        raise exception 'the journal is kept for a year at least' using errcode = 'check_violation';
    end if;
    delete from endpoint_journal
    where id = any(array(
        select id
        from endpoint_journal
        where done_at < now() - keep
        order by done_at
        limit least(at_most, 1000)
        for update skip locked
    ));
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;

revoke execute on function webhooks.forget_deliveries, webhooks.forget_journal from public;
grant execute on function webhooks.forget_deliveries, webhooks.forget_journal to cashback_webhooks;
"""


def upgrade() -> None:
    """Index what ended by when, and let the worker forget what is old enough."""
    run(FORGETTING)
