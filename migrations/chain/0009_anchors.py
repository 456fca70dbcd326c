"""Anchors: roots of the ledger's evidence that are published on the chain, each by a slot of its own, of kind `anchor`.

anchors        what was asked for, one row per `up_to`; at most one waits, and that is the newest
seen_anchors   what the chain says that nobody has asked for here (yet): of a database before, or of a stranger
minters        every minter module that this database was ever about: an anchor stands in its module's own log

    accepted ──a lane signs──▶ submitted ──block──▶ included ──▶ final
       │ ▲                         └──reverted for good, or its nonce is lost──▶ accepted, or what it left for
       ▼ └── asked for again ── held                       superseded: a newer one was accepted meanwhile

The adapter's role can change neither a root nor what it reaches up to.
"""

from cashback.kernel.migrations import run

revision = "0009"
down_revision = "0008"

CHANGES = """
alter table chain.slots
    drop constraint slot_kind_known,
    add constraint slot_kind_known check (kind in ('mint', 'noop', 'retire', 'adopted', 'void', 'anchor'));

-- Number 0, which no mint has, announces the anchor, which moves no base unit.
alter table chain.lanes
    drop constraint lane_taking_in_order,
    add constraint lane_taking_in_order check (
        taking_first <= taking_last and (taking_amount > 0 or (taking_last, taking_amount) = (0, 0)));

create table chain.minters (
    address bytea constraint minter_known_once primary key
        constraint minter_is_address check (octet_length(address) = 20),
    known_at timestamptz not null default clock_timestamp()
);
insert into chain.minters (address) select minter from chain.network;

create table chain.anchors (
    up_to bigint constraint anchor_accepted_once primary key constraint anchor_up_to_positive check (up_to > 0),
    root bytea not null constraint anchor_root_is_hash check (octet_length(root) = 32),
    state text not null default 'accepted' constraint anchor_state_known check (
        state in ('accepted', 'submitted', 'included', 'final', 'superseded', 'held')),
    lane smallint,
    nonce bigint,
    reverts integer not null default 0 constraint anchor_reverts_not_negative check (reverts >= 0),
    held_reason text constraint anchor_held_reason_bounded check (length(held_reason) between 1 and 100),
    minter bytea,
    transaction_hash bytea,
    block_number bigint,
    block_hash bytea,
    accepted_at timestamptz not null default clock_timestamp(),
    submitted_at timestamptz,
    included_at timestamptz,
    final_at timestamptz,
    constraint anchor_has_slot foreign key (lane, nonce) references chain.slots,
    constraint anchor_slot_is_whole check (num_nulls(lane, nonce, submitted_at) in (0, 3)),
    constraint anchor_waiting_has_no_slot check (state not in ('accepted', 'superseded', 'held') or lane is null),
    constraint anchor_submitted_has_slot check (state <> 'submitted' or lane is not null),
    constraint anchor_place_is_whole check (
        num_nulls(minter, transaction_hash, block_number, block_hash, included_at) in (0, 5)),
    constraint anchor_on_chain_has_place check ((state in ('included', 'final')) = (block_number is not null)),
    constraint anchor_held_says_why check ((state = 'held') = (held_reason is not null)),
    constraint anchor_end_has_time check ((state = 'final') = (final_at is not null))
);
create unique index anchor_waits_once on chain.anchors ((true)) where state in ('accepted', 'held');
create index anchors_under_way on chain.anchors (lane, nonce) where state in ('submitted', 'included');

create table chain.seen_anchors (
    up_to numeric(20) not null,
    root bytea not null,
    minter bytea not null,
    transaction_hash bytea not null,
    block_number bigint not null,
    block_hash bytea not null,
    constraint seen_anchor_once primary key (up_to, root, transaction_hash)
);
create index seen_anchors_by_block on chain.seen_anchors (block_number);
"""

GRANTS = """
grant select on chain.minters, chain.anchors, chain.seen_anchors to chain_adapter, chain_auditor;
grant insert (address) on chain.minters to chain_adapter;
grant insert (up_to, root, state, minter, transaction_hash, block_number, block_hash, included_at) on chain.anchors
    to chain_adapter;
grant update (state, lane, nonce, reverts, held_reason, minter, transaction_hash, block_number, block_hash,
    submitted_at, included_at, final_at) on chain.anchors to chain_adapter;
grant insert, delete on chain.seen_anchors to chain_adapter;
"""


def upgrade() -> None:
    """Add the tables, widen the list of kinds, and grant the adapter what it needs of them."""
    run(CHANGES)
    run(GRANTS)
