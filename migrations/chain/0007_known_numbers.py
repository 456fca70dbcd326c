"""From which block on every mint is known: one under a number that nobody submitted here halts minting.

network.known_from_block   null until every lane is open and nothing signed before can still be mined; then the final
                           block at that time, for good. Above it a mint log without its row in `mints` means that this
                           database is older than the chain, or that somebody else mints.
requested_number           the highest number that minting was ever asked for, and when it told so last: with what is
                           known here, what the ledger is held against before it gives out numbers
"""

from cashback.kernel.migrations import run

revision = "0007"
down_revision = "0006"

CHANGES = """
alter table chain.network add column known_from_block bigint;
grant update (known_from_block) on chain.network to chain_adapter;

create table chain.requested_number (
    singleton boolean primary key default true constraint requested_number_is_one_row check (singleton),
    number bigint not null constraint requested_number_possible check (number between 0 and 4611686018427387904),
    told_at timestamptz not null
);
grant select on chain.requested_number to chain_adapter, chain_auditor;
grant insert, update (number, told_at) on chain.requested_number to chain_adapter;
"""


def upgrade() -> None:
    """Add the column and the table, and let the adapter write them."""
    run(CHANGES)
