-- The transactional outbox of one schema; see cashback.kernel.outbox.
-- Rows are inserted and never updated. They live in partitions of one day each that are dropped whole: no bloat.
create table {schema}.outbox_events (
    position bigint generated always as identity,
    event_id text collate "C" not null,
    partition smallint not null constraint outbox_partition_known check (partition between 0 and 255),
    type text not null,
    source text not null,
    key text not null,
    time timestamptz not null,
    data bytea not null constraint outbox_data_bounded check (octet_length(data) <= 65536),
    traceparent text,
    stored_on date not null default (now() at time zone 'utc')::date,
    primary key (partition, position, stored_on)
) partition by range (stored_on);

-- How far each partition was published, and who may go on: the lease and its fencing token.
create table {schema}.outbox_cursors (
    partition smallint primary key,
    position bigint not null default 0,
    holder text,
    token bigint not null default 0,
    expires_at timestamptz not null default '-infinity'
);
insert into {schema}.outbox_cursors (partition) select generate_series(0, 3);

-- Since when each past day is known to be wholly published.
create table {schema}.outbox_days (
    day date primary key,
    published_at timestamptz not null default now()
);

-- Makes the partitions of today and two weeks ahead (so long may every relay be away before an append fails for want of
-- one), notes the past days that are wholly published, drops those that have been so for `keep`, and returns how many it
-- dropped. Making and dropping lock the table against writers for a moment, which they do not wait longer than two
-- seconds for: whoever called may call again.
create function {schema}.rotate_outbox(keep interval) returns integer
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '2s' as $$
declare
    today date := (now() at time zone 'utc')::date;
    born date;
    part record;
    since timestamptz;
    is_pending boolean;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtext('rotate_outbox:{schema}'));
    for born in select today + days from generate_series(-1, 14) as days loop
        continue when to_regclass(format('{schema}.outbox_events_%s', to_char(born, 'YYYYMMDD'))) is not null;
        execute format(
            'create table {schema}.outbox_events_%s partition of {schema}.outbox_events for values from (%L) to (%L)',
            to_char(born, 'YYYYMMDD'), born, born + 1);
    end loop;
    for part in
        select inhrelid::regclass as name, to_date(right(relname, 8), 'YYYYMMDD') as day
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = '{schema}.outbox_events'::regclass
    loop
        continue when part.day >= today;
        select published_at into since from {schema}.outbox_days where day = part.day;
        continue when since > now() - keep;
        execute format(
            'select exists (select from %s as event left join {schema}.outbox_cursors as cursor using (partition)'
            ' where event.position > coalesce(cursor.position, 0))',
            part.name) into is_pending;
        if is_pending then
            delete from {schema}.outbox_days where day = part.day;
            continue;
        end if;
        insert into {schema}.outbox_days (day) values (part.day) on conflict do nothing;
        continue when coalesce(since, now()) > now() - keep;
        execute format('drop table %s', part.name);
        delete from {schema}.outbox_days where day = part.day;
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
select {schema}.rotate_outbox(interval '72 hours');
