"""The runs of the reconciliation, and from which of them the next one may go on.

    whole ────────▶ checkpoint ──incremental──▶ checkpoint ──incremental──▶ ...
                        ▲ none is written by a run that found a difference between ledger, minting and chain

A checkpoint says up to which block the chain was read, by which hash it is known again, and up to which block every
mint is settled in ledger and minting and agrees with its log; of those rows it keeps count and an order-independent sum
of hashes, so that a change of one of them shows without reading the chain again.
"""

from cashback.kernel.migrations import run

revision = "0009"
down_revision = "0008"

RECONCILIATIONS = r"""
create table ledger.reconciliations (
    position bigint generated always as identity primary key,
    mode text collate "C" not null constraint reconciliation_mode_known check (mode in ('whole', 'incremental')),
    reason text not null constraint reconciliation_reason_bounded check (length(reason) <= 500),
    asked_by text collate "C" not null constraint reconciliation_asker_known check (asked_by in ('person', 'worker')),
    began_at timestamptz not null,
    ended_at timestamptz not null constraint reconciliation_ends_after_it_began check (ended_at >= began_at),
    after_block bigint,
    at_block bigint not null constraint reconciliation_block_not_negative check (at_block >= 0),
    at_block_hash text collate "C" not null
        constraint reconciliation_hash_shaped check (at_block_hash ~ '^0x[0-9a-f]{64}$'),
    requested bigint not null,
    logs bigint not null,
    logs_amount numeric(78) not null,
    burned numeric(78) not null,
    total_supply numeric(78) not null,
    findings bigint not null constraint reconciliation_findings_not_negative check (findings >= 0),
    kinds jsonb not null,
    settled_to bigint,
    ledger_rows bigint,
    ledger_digest numeric,
    minting_rows bigint,
    minting_digest numeric,
    constraint reconciliation_incremental_goes_on check ((mode = 'incremental') = (after_block is not null)),
    constraint reconciliation_checkpoint_whole check (
        num_nonnulls(settled_to, ledger_rows, ledger_digest, minting_rows, minting_digest) in (0, 5)),
    constraint reconciliation_settled_within check (settled_to <= at_block)
);
comment on column ledger.reconciliations.settled_to is
    'Up to this block every mint is settled and agrees; null where the run is no checkpoint.';
create index reconciliation_checkpoint on ledger.reconciliations (position) where settled_to is not null;
create trigger reconciliations_immutable before update or delete or truncate on ledger.reconciliations
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
-- The auditor reads everything and writes down what it found; what it compares it holds in temporary tables.
grant select, insert on ledger.reconciliations to cashback_auditor;
-- The worker has runs made when they are due, one worker at a time.
grant select (mode, ended_at) on ledger.reconciliations to cashback_ledger;
do $$
begin
    execute format('grant temporary on database %I to cashback_auditor', current_database());
end
$$;
"""


def upgrade() -> None:
    """Create the table of runs, and give the auditor what it needs to compare and to write them down."""
    run(RECONCILIATIONS)
    run(GRANTS)
