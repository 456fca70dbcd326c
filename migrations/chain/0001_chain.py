"""The adapter's memory: mints, lanes, nonces, signed attempts, recent headers and the stream of outcomes.

    network          one row: which chain and contracts, the epoch, how far it is final, whether minting is halted
    mints            one row per number, with its state and the slot that carries it
    lanes            one row per signer: the next nonce
    slots            one row per nonce: what it carries and where it was mined
    blockchain_transactions   one row per signed attempt at a nonce, stored before it is sent; `place` is their order,
                              since a clock may step back
    blocks           headers from the last final block to the head
    used_numbers     what the chain says about numbers that nobody has submitted (yet)
    outcomes         the final words, dense per epoch in commit order

Illegal states are refused here (I2, I3, I9): one row per number, one slot per nonce, one mined attempt per nonce, one
outcome per number; and the adapter's role cannot change a recipient, an amount, calldata or signed bytes.
"""

from cashback.kernel.migrations import block, run

revision = "0001"
down_revision = None

TABLES = """
create table chain.network (
    singleton boolean primary key default true constraint network_is_one_row check (singleton),
    epoch text not null,
    chain_id bigint not null constraint network_chain_id_positive check (chain_id > 0),
    token bytea not null constraint network_token_is_address check (octet_length(token) = 20),
    minter bytea not null constraint network_minter_is_address check (octet_length(minter) = 20),
    safe_block bigint not null default -1,
    final_block bigint not null default -1,
    last_sequence bigint not null default 0,
    halted_reason text,
    halted_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    constraint network_halt_is_whole check ((halted_reason is null) = (halted_at is null))
);

create table chain.lanes (
    id smallint generated always as identity primary key,
    address bytea not null
        constraint lane_address_known_once unique
        constraint lane_address_is_address check (octet_length(address) = 20),
    next_nonce bigint not null constraint lane_nonce_not_negative check (next_nonce >= 0),
    waits_for text,
    opened_at timestamptz not null default clock_timestamp()
);

create table chain.slots (
    lane smallint not null references chain.lanes,
    nonce bigint not null constraint slot_nonce_not_negative check (nonce >= 0),
    kind text not null constraint slot_kind_known check (kind in ('mint', 'noop')),
    target bytea not null constraint slot_target_is_address check (octet_length(target) = 20),
    calldata bytea not null constraint slot_calldata_bounded check (octet_length(calldata) <= 131072),
    gas bigint not null constraint slot_gas_positive check (gas > 0),
    state text not null default 'open' constraint slot_state_known check (state in ('open', 'mined', 'final')),
    block_number bigint,
    block_hash bytea,
    revert_reason text,
    reserved_at timestamptz not null default clock_timestamp(),
    constraint slot_nonce_reserved_once primary key (lane, nonce),
    constraint slot_place_is_whole check (num_nulls(block_number, block_hash) in (0, 2)),
    constraint slot_mined_has_place check ((state = 'open') = (block_number is null)),
    constraint slot_reverted_was_mined check (revert_reason is null or block_number is not null)
);
create index slots_open on chain.slots (lane, nonce) where state = 'open';
create index slots_mined on chain.slots (block_number) where state = 'mined';

create table chain.blockchain_transactions (
    hash bytea constraint attempt_hash_stored_once primary key
        constraint attempt_hash_is_hash check (octet_length(hash) = 32),
    place bigint not null generated always as identity,
    lane smallint not null,
    nonce bigint not null,
    raw bytea not null,
    max_fee_wei bigint not null,
    tip_wei bigint not null,
    stored_at timestamptz not null default clock_timestamp(),
    sends integer not null default 0,
    sent_at timestamptz,
    answer text constraint attempt_answer_known check (answer in (
        'accepted', 'known', 'nonce_used', 'outbid', 'underpriced', 'no_funds', 'refused', 'unknown')),
    answer_detail text,
    block_number bigint,
    constraint attempt_has_slot foreign key (lane, nonce) references chain.slots,
    constraint attempt_fees_in_order check (0 <= tip_wei and tip_wei <= max_fee_wei),
    constraint attempt_sent_has_answer check ((sends = 0) = (answer is null) and (sends = 0) = (sent_at is null))
);
create index attempts_of_slot on chain.blockchain_transactions (lane, nonce, place);
create unique index attempt_mined_once_per_nonce on chain.blockchain_transactions (lane, nonce)
    where block_number is not null;

create table chain.mints (
    number bigint constraint mint_number_known_once primary key
        constraint mint_number_positive check (number > 0),
    cashback_id text not null constraint mint_cashback_id_bounded check (length(cashback_id) between 1 and 64),
    recipient bytea not null constraint mint_recipient_is_address check (octet_length(recipient) = 20),
    amount bigint not null constraint mint_amount_positive check (amount > 0),
    traceparent text,
    state text not null default 'accepted'
        constraint mint_state_known check (state in ('accepted', 'submitted', 'included', 'final', 'refused')),
    lane smallint,
    nonce bigint,
    verdict text constraint mint_verdict_known check (verdict in ('minted', 'failed')),
    reason text,
    transaction_hash bytea,
    block_number bigint,
    block_hash bytea,
    accepted_at timestamptz not null default clock_timestamp(),
    submitted_at timestamptz,
    included_at timestamptz,
    final_at timestamptz,
    constraint mint_has_slot foreign key (lane, nonce) references chain.slots,
    constraint mint_slot_is_whole check (num_nulls(lane, nonce, submitted_at) in (0, 3)),
    constraint mint_accepted_waits check (state <> 'accepted' or lane is null),
    constraint mint_submitted_has_slot check (state <> 'submitted' or lane is not null),
    constraint mint_place_is_whole check (
        num_nulls(verdict, transaction_hash, block_number, block_hash, included_at) in (0, 5)),
    constraint mint_on_chain_has_place check ((state in ('included', 'final', 'refused')) = (block_number is not null)),
    constraint mint_final_was_minted check (state <> 'final' or verdict = 'minted'),
    constraint mint_refused_failed check (state <> 'refused' or verdict = 'failed'),
    constraint mint_failed_says_why check ((verdict is not distinct from 'failed') = (reason is not null)),
    constraint mint_end_has_time check ((state in ('final', 'refused')) = (final_at is not null))
);
create index mints_waiting on chain.mints (number) where state = 'accepted';
create index mints_in_flight on chain.mints (lane, nonce) where state = 'submitted';
create index mints_included on chain.mints (block_number) where state = 'included';

create table chain.blocks (
    number bigint primary key,
    hash bytea not null constraint block_hash_known_once unique,
    parent_hash bytea not null,
    base_fee_wei numeric(78) not null,
    mined_at timestamptz not null
);

create table chain.used_numbers (
    number numeric(20) primary key,
    verdict text not null constraint used_verdict_known check (verdict in ('minted', 'retired')),
    recipient bytea,
    amount numeric(78),
    transaction_hash bytea not null,
    block_number bigint not null,
    block_hash bytea not null,
    constraint used_minted_says_what check (num_nulls(recipient, amount) = case verdict when 'minted' then 0 else 2 end)
);
create index used_numbers_by_block on chain.used_numbers (block_number);

create table chain.outcomes (
    epoch text not null,
    sequence bigint not null constraint outcome_sequence_positive check (sequence > 0),
    number bigint not null references chain.mints,
    kind text not null constraint outcome_kind_known check (kind in ('minted', 'failed')),
    recorded_at timestamptz not null default clock_timestamp(),
    constraint outcome_sequence_once primary key (epoch, sequence),
    constraint outcome_of_number_once unique (epoch, number)
);
"""

GRANTS = """
grant usage on schema chain to chain_adapter, chain_auditor;
grant select on all tables in schema chain to chain_adapter, chain_auditor;

grant insert on chain.network, chain.lanes, chain.slots, chain.blockchain_transactions, chain.mints, chain.blocks,
    chain.used_numbers, chain.outcomes, chain.leases to chain_adapter;
grant update (minter, safe_block, final_block, last_sequence, halted_reason, halted_at) on chain.network
    to chain_adapter;
grant update (next_nonce, waits_for) on chain.lanes to chain_adapter;
grant update (state, block_number, block_hash, revert_reason) on chain.slots to chain_adapter;
grant update (sends, sent_at, answer, answer_detail, block_number) on chain.blockchain_transactions to chain_adapter;
grant update (state, lane, nonce, verdict, reason, transaction_hash, block_number, block_hash, submitted_at,
    included_at, final_at) on chain.mints to chain_adapter;
grant update on chain.leases to chain_adapter;
grant delete on chain.blocks, chain.used_numbers to chain_adapter;
"""


def upgrade() -> None:
    """Create the schema's tables and grant each role what its process needs."""
    run(TABLES)
    run(block("leases_v1", schema="chain"))
    run(GRANTS)
