"""Recovery by a person's order: outcomes taken back, nonces adopted, a new epoch, and the journal of all that.

outcomes     one stream over all epochs, numbered through: a new epoch is a new name for it, which has every reader
             begin at 0. An outcome that is void stays where it stands and is told no more; a `reverted` one, which
             carries its place, is told instead, and the next outcome of that number follows. `reversals` tells them
             apart, here and in `mints`: how often an outcome of the number was taken back before.
recoveries   who ordered it, when and why, and what came of it; `recovered_lanes` which nonces were adopted

The adapter can begin an epoch only while minting is halted, and rewrite neither outcomes nor the journal.
"""

from cashback.kernel.migrations import run

revision = "0006"
down_revision = "0005"

CHANGES = """
alter table chain.mints
    add column reversals integer not null default 0 constraint mint_reversals_not_negative check (reversals >= 0);

alter table chain.outcomes
    drop constraint outcome_of_number_once,
    drop constraint outcome_sequence_once,
    drop constraint outcome_kind_known,
    add constraint outcome_kind_known check (kind in ('minted', 'failed', 'reverted')),
    add constraint outcome_sequence_once primary key (sequence),
    add column reversals integer not null default 0,
    add column transaction_hash bytea,
    add column block_number bigint,
    add column block_hash bytea,
    add column reason text,
    add constraint outcome_reversals_counted check (reversals >= case kind when 'reverted' then 1 else 0 end),
    add constraint outcome_reverted_has_place check (
        num_nonnulls(transaction_hash, block_number, block_hash) = case kind when 'reverted' then 3 else 0 end),
    add constraint outcome_reverted_says_why check (kind = 'reverted' or reason is null);
create unique index outcome_of_number_once on chain.outcomes (number, reversals) where kind <> 'reverted';
create unique index outcome_reverted_once on chain.outcomes (number, reversals) where kind = 'reverted';

alter table chain.slots
    drop constraint slot_kind_known,
    add constraint slot_kind_known check (kind in ('mint', 'noop', 'retire', 'adopted'));

create table chain.recoveries (
    id bigint generated always as identity primary key,
    reason text not null constraint recovery_reason_bounded check (length(reason) between 1 and 500),
    person text not null constraint recovery_person_bounded check (length(person) between 1 and 200),
    certificate text constraint recovery_certificate_bounded check (length(certificate) between 1 and 200),
    reorganised_above bigint,
    taken_back bigint not null constraint recovery_taken_back_not_negative check (taken_back >= 0),
    waiting_again bigint not null constraint recovery_waiting_not_negative check (waiting_again >= 0),
    epoch_before text not null,
    epoch text not null,
    last_sequence bigint not null,
    at timestamptz not null default clock_timestamp(),
    constraint recovery_changed_something check (reorganised_above is not null or epoch <> epoch_before)
);

create table chain.recovered_lanes (
    recovery bigint not null references chain.recoveries,
    lane smallint not null references chain.lanes,
    next_nonce_before bigint not null,
    next_nonce bigint not null,
    closed_slots integer not null constraint recovered_lane_closed_not_negative check (closed_slots >= 0),
    constraint recovered_lane_once primary key (recovery, lane),
    constraint recovered_lane_rises check (next_nonce_before <= next_nonce)
);

create function chain.begin_epoch(name text) returns void
language plpgsql security definer set search_path = chain, pg_temp as $$
begin
    update chain.network
    set epoch = name
    where halted_reason is not null
      and epoch <> name;
    if not found then
        raise exception 'an epoch begins only while minting is halted, and under a new name'
            using errcode = 'insufficient_privilege';
    end if;
end
$$;
"""

GRANTS = """
revoke execute on function chain.begin_epoch from public;
grant execute on function chain.begin_epoch to chain_adapter;
grant update (reversals) on chain.mints to chain_adapter;
grant update (kind) on chain.slots to chain_adapter;
grant select on chain.recoveries, chain.recovered_lanes to chain_adapter, chain_auditor;
grant insert (reason, person, certificate, reorganised_above, taken_back, waiting_again, epoch_before, epoch,
    last_sequence) on chain.recoveries to chain_adapter;
grant insert on chain.recovered_lanes to chain_adapter;
"""


def upgrade() -> None:
    """Add columns and tables, let the stream go on through epochs, and grant the adapter what it needs of them."""
    run(CHANGES)
    run(GRANTS)
