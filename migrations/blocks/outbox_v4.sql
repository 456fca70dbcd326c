-- Rotation beside writers; see cashback.kernel.outbox.rotating.
--
-- Makes the partitions of today and two weeks ahead (so long may every relay be away before an append fails for want of
-- one), notes the past days that are wholly published, drops those that have been so for `keep`, and returns how many it
-- dropped; null when writers kept it from dropping: whoever called calls again.
--
-- A coming day's table is made beside the outbox and then attached, which locks out no writer. Whether a day is published
-- is asked of the newest row of each lane, through the primary key: however many rows a day has, it is one per lane. Only
-- dropping locks the table against everybody: last, for nothing but itself, and writers never queue behind it for longer
-- than half a second. What was made and noted stays when that is in vain.
create or replace function {schema}.rotate_outbox(keep interval) returns integer
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '1s' as $$
declare
    today date := (now() at time zone 'utc')::date;
    born date;
    part record;
    since timestamptz;
    is_pending boolean;
    old text[] := '{}';
    one text;
begin
    perform pg_advisory_xact_lock(hashtext('rotate_outbox:{schema}'));
    for part in
        select inhrelid::regclass as name, to_date(right(relname, 8), 'YYYYMMDD') as day
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = '{schema}.outbox_events'::regclass
        order by day
    loop
        continue when part.day >= today;
        select published_at into since from {schema}.outbox_days where day = part.day;
        continue when since > now() - keep;
        -- Every lane that the constraint allows, so that a row of one without a cursor is seen too: it is not published.
        execute format(
            'select exists ('
            ' select from generate_series(0, 255) as lane'
            ' left join {schema}.outbox_cursors as cursor on cursor.partition = lane'
            ' where (select max(event.position) from %s as event where event.partition = lane)'
            ' > coalesce(cursor.position, 0))',
            part.name) into is_pending;
        if is_pending then
            delete from {schema}.outbox_days where day = part.day;
            continue;
        end if;
        insert into {schema}.outbox_days (day) values (part.day) on conflict do nothing;
        if coalesce(since, now()) <= now() - keep then
            old := old || part.name::text;
        end if;
    end loop;
    for born in select today + days from generate_series(-1, 14) as days loop
        one := format('outbox_events_%s', to_char(born, 'YYYYMMDD'));
        continue when to_regclass(format('{schema}.%s', one)) is not null;
        -- A partition has no identity of its own: positions are the outbox's.
        execute format(
            'create table {schema}.%s (like {schema}.outbox_events including all excluding identity)', one);
        execute format(
            'alter table {schema}.outbox_events attach partition {schema}.%s for values from (%L) to (%L)',
            one, born, born + 1);
    end loop;
    if old = '{}' then
        return 0;
    end if;
    begin
        -- A vacuum that is at one of them is waited for before anybody is locked out, that is, not now.
        foreach one in array old loop
            execute format('lock table %s in share update exclusive mode nowait', one);
        end loop;
        perform set_config('lock_timeout', '500ms', true);
        lock table only {schema}.outbox_events in access exclusive mode;
        foreach one in array old loop
            execute format('drop table %s', one);
        end loop;
        delete from {schema}.outbox_days as noted where to_regclass(
            format('{schema}.outbox_events_%s', to_char(noted.day, 'YYYYMMDD'))) is null;
    exception when lock_not_available then
        return null;
    end;
    return cardinality(old);
end
$$;
