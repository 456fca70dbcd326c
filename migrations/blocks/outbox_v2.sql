-- The version of an event's body, beside its type; see cashback.kernel.outbox. What is stored already is of the first.
--
-- The table is locked against everybody for a moment, for which appends wait no longer than two seconds, as in
-- rotate_outbox: whoever called may call again. No stored row is rewritten, for the default is a constant, and none is
-- read, for the constraint is not valid for them: 72 hours of events would be read under that lock.
set local lock_timeout = '2s';
alter table {schema}.outbox_events add column version smallint not null default 1;
alter table {schema}.outbox_events
    add constraint outbox_version_positive check (version >= 1) not valid;
set local lock_timeout to default;
