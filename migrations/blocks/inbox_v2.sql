-- Which event a consumer has failed to apply, of each key that therefore waits; a row goes when its event is applied or
-- given up. At most one per key: what comes after a failing event is not tried, so it cannot fail.
--
-- Everything is bounded, the primary key below what an index takes, so that a failure can always be noted; ids and keys
-- that are longer are refused as they are read (cashback.kernel.bus.message). A history is a list of failures, oldest
-- first, and has at least the last one.
create table {schema}.inbox_failures (
    consumer text not null constraint failure_consumer_bounded check (octet_length(consumer) <= 255),
    key text collate "C" not null constraint failure_key_bounded check (octet_length(key) <= 1024),
    event_id text collate "C" not null constraint failure_event_bounded check (octet_length(event_id) <= 1024),
    attempts smallint not null constraint failure_attempts_positive check (attempts >= 1),
    first_failed_at timestamptz not null default now(),
    retry_at timestamptz not null,
    history jsonb not null
        constraint failure_history_is_list check (case jsonb_typeof(history)
            when 'array' then jsonb_array_length(history) between 1 and 16 else false end)
        constraint failure_history_bounded check (octet_length(history::text) <= 16384),
    primary key (consumer, key)
);
