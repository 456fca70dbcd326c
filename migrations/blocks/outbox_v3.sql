-- Who asks for a lane that another relay holds, and until when that counts; see cashback.kernel.outbox.shares.
-- Four rows that are rewritten all day: pages are kept nearly empty, so that their next version fits beside them, and
-- old versions go soon.
set local lock_timeout = '2s';
alter table {schema}.outbox_cursors
    add column asked_by text,
    add column asked_until timestamptz not null default '-infinity';
alter table {schema}.outbox_cursors set (
    fillfactor = 10,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 200,
    autovacuum_vacuum_cost_delay = 0
);
set local lock_timeout to default;
