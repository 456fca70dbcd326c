"""The books prove themselves: every transfer becomes a leaf of a hash chain, and leaves are sealed into Merkle roots.

    transfers ──certainly committed──▶ leaves (canonical bytes, chained) ──▶ seals (Merkle root, chained) ──▶ anchors

Positions are drawn before a transaction commits, so they are not in its order: a transfer also keeps its transaction's
id. Once every transaction that is as old has ended, the order of (xact, position) is settled for ever.
"""

from cashback.kernel.migrations import block, run

revision = "0008"
down_revision = "0007"

EVIDENCE = r"""
alter table ledger.transfers
    add column xact xid8 not null default pg_current_xact_id(),
    add column effective_at timestamptz;
comment on column ledger.transfers.xact is
    'The transaction that posted it: once all as old have ended, the order of (xact, position) is settled.';
comment on column ledger.transfers.effective_at is
    'When it took effect economically, where that is not `at`: a purchase earns when it is made.';
create index transfer_settled_order on ledger.transfers (xact, position);

-- One leaf a transfer, dense from 1 in the order of (xact, position); hash is SHA-256(hash before || SHA-256(bytes)).
create table ledger.leaves (
    number bigint primary key constraint leaf_number_positive check (number > 0),
    xact xid8 not null,
    position bigint not null constraint leaf_transfer_once unique,
    bytes bytea not null constraint leaf_bounded check (octet_length(bytes) between 1 and 4096),
    hash bytea not null constraint leaf_hash_whole check (octet_length(hash) = 32),
    chained_at timestamptz not null
);

-- The Merkle root (RFC 9162) over a stretch of leaves; hash is SHA-256 of the seal's own canonical bytes, which hold
-- the hash of the seal before.
create table ledger.seals (
    number bigint primary key constraint seal_number_positive check (number > 0),
    first_leaf bigint not null constraint seal_first_leaf_once unique,
    last_leaf bigint not null constraint seal_last_leaf_once unique references ledger.leaves,
    root bytea not null constraint seal_root_whole check (octet_length(root) = 32),
    head bytea not null constraint seal_head_whole check (octet_length(head) = 32),
    previous bytea not null constraint seal_previous_whole check (octet_length(previous) = 32),
    hash bytea not null constraint seal_hash_once unique constraint seal_hash_whole check (octet_length(hash) = 32),
    sealed_at timestamptz not null,
    constraint seal_of_something check (last_leaf >= first_leaf and first_leaf > 0)
);

-- Seals whose hash was to be published on the chain, and how far that is. It proves nothing by itself: the chain does.
create table ledger.anchors (
    seal bigint primary key references ledger.seals,
    state text collate "C" not null constraint anchor_state_known
        check (state in ('asked', 'accepted', 'submitted', 'included', 'final', 'held', 'superseded')),
    transaction_hash text collate "C"
        constraint anchor_transaction_shaped check (transaction_hash ~ '^0x[0-9a-f]{64}$'),
    block_number bigint constraint anchor_block_not_negative check (block_number >= 0),
    minter text collate "C" constraint anchor_minter_shaped check (minter ~ '^0x[0-9a-fA-F]{40}$'),
    asked_at timestamptz not null,
    told_at timestamptz,
    constraint anchor_final_whole
        check (state <> 'final' or num_nonnulls(transaction_hash, block_number, told_at) = 3)
);
create index anchor_under_way on ledger.anchors (seal) where state not in ('final', 'superseded');

-- Each time that every balance was computed from the transfers: how many there were, and how many differed.
create table ledger.recomputations (
    number bigint generated always as identity primary key,
    by text not null constraint recomputation_by_bounded check (length(by) between 1 and 200),
    began_at timestamptz not null,
    ended_at timestamptz not null,
    accounts bigint not null,
    entries bigint not null,
    differences bigint not null,
    first_difference text constraint recomputation_difference_bounded check (length(first_difference) <= 1000),
    constraint recomputation_forward check (ended_at >= began_at),
    constraint recomputation_possible check (accounts >= 0 and entries >= 0 and differences >= 0),
    constraint recomputation_names_the_first check ((differences = 0) = (first_difference is null))
);

create trigger recomputations_immutable before update or delete or truncate on ledger.recomputations
    for each statement execute function ledger.refuse_change();
create trigger leaves_immutable before update or delete or truncate on ledger.leaves
    for each statement execute function ledger.refuse_change();
create trigger seals_immutable before update or delete or truncate on ledger.seals
    for each statement execute function ledger.refuse_change();
"""

# Column by column: who could write `xact` could put a transfer before what is sealed, where the sealer never looks.
GRANTS = r"""
revoke insert on ledger.transfers from cashback_api, cashback_ledger, cashback_operator;
grant insert (debit_account, credit_account, currency, amount, debit_balance_after, credit_balance_after, cause,
    cashback_id, at, effective_at) on ledger.transfers to cashback_api, cashback_ledger, cashback_operator;

grant select on ledger.decisions to cashback_ledger;
grant select, insert on ledger.leaves, ledger.seals to cashback_ledger;
grant select on ledger.anchors to cashback_ledger;
grant insert (seal, state, asked_at), update (state, transaction_hash, block_number, minter, told_at)
    on ledger.anchors to cashback_ledger;
grant select on ledger.recomputations, ledger.transfers to cashback_operator;
grant select on ledger.recomputations to cashback_ledger, cashback_auditor;
grant insert (by, began_at, ended_at, accounts, entries, differences, first_difference)
    on ledger.recomputations to cashback_ledger, cashback_operator;
grant select, insert, update on ledger.leases to cashback_ledger;
grant select on ledger.leaves, ledger.seals, ledger.anchors, ledger.leases to cashback_auditor;
"""


def upgrade() -> None:
    """Let transfers keep their order, and create what proves them."""
    run(EVIDENCE)
    run(block("leases_v1", schema="ledger"))
    run(GRANTS)
