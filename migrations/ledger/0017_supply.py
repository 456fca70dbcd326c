"""The token's supply in the books: what a reconciliation read at a final block, posted by the ledger worker.

    auditor ──reads the chain──▶ ledger.reconciliations ──the newest──▶ worker ──▶ four accounts of `chain`
                                 (may not post)             (may not write one)    and a row here

A booking says which run's figures the accounts hold; each moves them by the difference to the one before.
"""

from cashback.kernel.migrations import run

revision = "0017"
down_revision = "0016"

SUPPLY = r"""
alter table ledger.reconciliations
    add column explained numeric(78) constraint reconciliation_explained_not_negative check (explained >= 0);
comment on column ledger.reconciliations.explained is
    'What logs minted exactly as the ledger requested it; null in runs of earlier releases, which are never booked.';

create table ledger.supply_bookings (
    reconciliation bigint primary key references ledger.reconciliations,
    position bigint generated always as identity constraint supply_booking_position_once unique,
    at_block bigint not null constraint supply_booking_block_not_negative check (at_block >= 0),
    at_block_hash text collate "C" not null
        constraint supply_booking_hash_shaped check (at_block_hash ~ '^0x[0-9a-f]{64}$'),
    explained bigint not null,
    burned bigint not null,
    total_supply bigint not null,
    at timestamptz not null,
    constraint supply_booking_possible check (explained >= 0 and burned >= 0 and total_supply >= 0)
);
create trigger supply_bookings_immutable before update or delete or truncate on ledger.supply_bookings
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
grant select (position, at_block, at_block_hash, explained, burned, total_supply)
    on ledger.reconciliations to cashback_ledger;
grant select on ledger.supply_bookings to cashback_ledger, cashback_auditor;
grant insert (reconciliation, at_block, at_block_hash, explained, burned, total_supply, at)
    on ledger.supply_bookings to cashback_ledger;
"""


def upgrade() -> None:
    """Let a run say what requests explain, and create the record of what of them was booked."""
    run(SUPPLY)
    run(GRANTS)
