"""Minting: every requested mint by its number, how far outcomes were read, and why minting stands still."""

from cashback.kernel.migrations import block, run

revision = "0001"
down_revision = None

MINTS = r"""
-- One row per number, for ever. Number, cashback, recipient and amount are frozen; `submit_after` says that the row is
-- to be handed to the adapter and from when on, null that the adapter has it or that its outcome is known.
create table minting.mints (
    number bigint primary key constraint mint_number_positive check (number > 0),
    cashback_id text collate "C" not null constraint mint_cashback_once unique,
    recipient bytea not null constraint mint_recipient_whole check (octet_length(recipient) = 20),
    amount bigint not null constraint mint_amount_positive check (amount > 0),
    fingerprint bytea not null constraint mint_fingerprint_whole check (octet_length(fingerprint) = 32),
    state text collate "C" not null
        constraint mint_state_known check (state in ('requested', 'accepted', 'minted', 'stuck')),
    submit_after timestamptz,
    submit_attempts integer not null default 0 constraint mint_attempts_not_negative check (submit_attempts >= 0),
    requested_at timestamptz not null,
    accepted_at timestamptz,
    decided_at timestamptz,
    transaction_hash bytea constraint mint_transaction_hash_whole check (octet_length(transaction_hash) = 32),
    block_number bigint constraint mint_block_number_not_negative check (block_number >= 0),
    block_hash bytea constraint mint_block_hash_whole check (octet_length(block_hash) = 32),
    reason text constraint mint_reason_bounded check (length(reason) between 1 and 500),
    traceparent text collate "C",
    constraint mint_requested_is_due check (state <> 'requested' or submit_after is not null),
    constraint mint_accepted_has_time check (state <> 'accepted' or accepted_at is not null),
    constraint mint_decided_has_time check ((state in ('minted', 'stuck')) = (decided_at is not null)),
    constraint mint_decided_is_not_due check (state in ('requested', 'accepted') or submit_after is null),
    constraint mint_minted_has_block check (
        num_nonnulls(transaction_hash, block_number, block_hash) = case when state = 'minted' then 3 else 0 end),
    constraint mint_stuck_says_why check ((state = 'stuck') = (reason is not null))
);
create index mint_due on minting.mints (number) where submit_after is not null;
create index mint_open on minting.mints (number) where state in ('requested', 'accepted');
create index mint_stuck on minting.mints (number) where state = 'stuck';

-- Up to where the adapter's stream of outcomes is applied; one row, moved in the transaction of what it tells.
create table minting.outcome_cursor (
    is_single boolean primary key default true constraint cursor_is_single check (is_single),
    epoch text collate "C" not null default '' constraint cursor_epoch_bounded check (length(epoch) <= 200),
    sequence bigint not null default 0 constraint cursor_sequence_not_negative check (sequence >= 0)
);
insert into minting.outcome_cursor default values;

-- Why nothing is submitted any more; one open row is enough. Only a person lifts it.
create table minting.halts (
    id bigint generated always as identity primary key,
    kind text collate "C" not null constraint halt_kind_known check (kind in (
        'foreign_fingerprint', 'second_number', 'adapter_conflict', 'unrequested_outcome', 'foreign_outcome',
        'contradicted_outcome', 'cursor_ahead')),
    number bigint not null,
    cashback_id text collate "C" not null,
    detail text not null constraint halt_detail_bounded check (length(detail) <= 2000),
    raised_at timestamptz not null default now(),
    lifted_at timestamptz,
    lifted_by text,
    constraint halt_lifted_by_someone check ((lifted_at is null) = (lifted_by is null))
);
create unique index halt_open_once on minting.halts (kind, number, cashback_id) where lifted_at is null;
"""

GRANTS = r"""
revoke execute on all functions in schema minting from public;
grant usage on schema minting to minting_worker, minting_relay, minting_auditor;

-- The worker may not change what was frozen, nor forget anything.
grant select on minting.mints, minting.outcome_cursor, minting.halts, minting.inbox, minting.leases to minting_worker;
grant insert on minting.mints, minting.inbox, minting.outbox_events to minting_worker;
grant update (state, submit_after, submit_attempts, accepted_at, decided_at, transaction_hash, block_number,
    block_hash, reason) on minting.mints to minting_worker;
grant update (epoch, sequence) on minting.outcome_cursor to minting_worker;
grant insert (kind, number, cashback_id, detail), update (lifted_at, lifted_by) on minting.halts to minting_worker;
grant insert, update on minting.leases to minting_worker;

grant select on minting.outbox_events, minting.outbox_cursors to minting_relay;
grant update on minting.outbox_cursors to minting_relay;
grant execute on function minting.rotate_outbox to minting_relay;

grant select on all tables in schema minting to minting_auditor;
"""


def upgrade() -> None:
    """Create the schema's tables and each role's part in them."""
    run(MINTS)
    run(block("outbox_v1", schema="minting"))
    run(block("inbox_v1", schema="minting"))
    run(block("leases_v1", schema="minting"))
    run(GRANTS)
