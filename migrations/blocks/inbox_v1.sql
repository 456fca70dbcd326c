-- Which events a consumer has applied, for ever; see cashback.kernel.inbox.
create table {schema}.inbox (
    consumer text not null,
    event_id text collate "C" not null,
    applied_at timestamptz not null default now(),
    primary key (consumer, event_id)
);
