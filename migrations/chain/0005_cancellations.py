"""Cancelled mints: who ordered it and why, and the nonce whose transaction retires the number on the chain.

mints.cancelled_at        from then on the mint is carried by no further call
mints.retire_lane, _nonce the slot, of kind `retire`, that uses the number up; none once its call reverted for good
mint_journal              who cancelled or released a mint, when and why: written once, never changed
"""

from cashback.kernel.migrations import run

revision = "0005"
down_revision = "0004"

CHANGES = """
alter table chain.slots
    drop constraint slot_kind_known,
    add constraint slot_kind_known check (kind in ('mint', 'noop', 'retire'));

alter table chain.mints
    add column cancelled_at timestamptz,
    add column retire_lane smallint,
    add column retire_nonce bigint,
    add constraint mint_retirement_has_slot foreign key (retire_lane, retire_nonce) references chain.slots,
    add constraint mint_retirement_is_whole check (num_nulls(retire_lane, retire_nonce) in (0, 2)),
    add constraint mint_retirement_was_ordered check (retire_lane is null or cancelled_at is not null);
drop index chain.mints_waiting;
create index mints_waiting on chain.mints (number) where state = 'accepted' and cancelled_at is null;
create index mints_to_retire on chain.mints (number)
    where cancelled_at is not null and retire_lane is null and verdict is null;
create index mints_retiring on chain.mints (retire_lane, retire_nonce) where retire_lane is not null;

create table chain.mint_journal (
    id bigint generated always as identity primary key,
    number bigint not null references chain.mints,
    act text not null constraint mint_act_known check (act in ('cancelled', 'released')),
    reason text not null constraint mint_journal_reason_bounded check (length(reason) between 1 and 500),
    person text not null constraint mint_journal_person_bounded check (length(person) between 1 and 200),
    certificate text constraint mint_journal_certificate_bounded check (length(certificate) between 1 and 200),
    at timestamptz not null default clock_timestamp()
);
create index mint_journal_of_number on chain.mint_journal (number);
"""

GRANTS = """
grant update (cancelled_at, retire_lane, retire_nonce) on chain.mints to chain_adapter;
grant select on chain.mint_journal to chain_adapter, chain_auditor;
grant insert (number, act, reason, person, certificate) on chain.mint_journal to chain_adapter;
"""


def upgrade() -> None:
    """Add the columns and the journal, and grant the adapter what it needs of them."""
    run(CHANGES)
    run(GRANTS)
