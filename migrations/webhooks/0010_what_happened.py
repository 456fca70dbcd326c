"""What happened, to be read for a month: every event with the bytes that endpoints are posted, whoever listens."""

from cashback.kernel.migrations import run

revision = "0010"
down_revision = "0006"

EVENTS = r"""
-- Each event once, as it was taken in; it is about `key`, a purchase or a cashback. Nobody changes one.
create table webhooks.events (
    event_id text collate "C" primary key constraint event_id_bounded check (octet_length(event_id) <= 1024),
    type text collate "C" not null constraint event_type_bounded check (length(type) between 1 and 200),
    key text collate "C" not null constraint event_key_bounded check (octet_length(key) <= 1024),
    merchant_id text collate "C" constraint event_merchant_bounded check (octet_length(merchant_id) <= 1024),
    occurred_at timestamptz not null,
    body bytea not null constraint event_body_bounded check (octet_length(body) <= 66560)
);
create index event_by_time on webhooks.events (occurred_at, event_id);
create index event_of_merchant on webhooks.events (merchant_id, occurred_at, event_id) where merchant_id is not null;
create index event_of_key on webhooks.events (key, occurred_at);

-- Forgets events that happened more than `keep` ago, from behind a place on. Returns how many and the place of the last
-- one that was looked at, null at the end. Whoever calls can take away nothing younger than a week.
create function webhooks.forget_events(
    keep interval, at_most integer, inout after_occurred timestamptz, inout after_id text, out forgotten integer
) language plpgsql security definer set search_path = webhooks, pg_temp as $$
declare
    old text[];
    happened timestamptz[];
begin
    if keep is null or keep < interval '7 days' then
        raise exception 'events are kept for a week at least' using errcode = 'check_violation';
    end if;
    select array_agg(found.event_id order by found.occurred_at, found.event_id),
           array_agg(found.occurred_at order by found.occurred_at, found.event_id)
    into old, happened
    from (
        select event_id, occurred_at
        from events
        where occurred_at < now() - keep
          and (occurred_at, event_id) > (after_occurred, after_id)
        order by occurred_at, event_id
        limit least(at_most, 1000)
        for update skip locked
    ) as found;
    delete from events where event_id = any(old);
    get diagnostics forgotten = row_count;
    after_id := old[cardinality(old)];
    after_occurred := happened[cardinality(happened)];
end
$$;
revoke execute on function webhooks.forget_events from public;

-- The worker writes down what it takes in, reads none of it, and has what is old forgotten.
grant insert on webhooks.events to cashback_webhooks;
grant execute on function webhooks.forget_events to cashback_webhooks;
grant select on webhooks.events to cashback_api, cashback_auditor;
"""


def upgrade() -> None:
    """Create the log, and each role's part in it."""
    run(EVENTS)
