"""How many users may have one wallet is a term of a programme; where none says more it is one."""

from cashback.kernel.migrations import run

revision = "0041"
down_revision = "0040"

TERMS = r"""
set local lock_timeout = '5s';
alter table ledger.programmes
    add column users_per_wallet smallint not null default 1
        constraint programme_users_per_wallet_possible check (users_per_wallet between 1 and 1000);
comment on column ledger.programmes.users_per_wallet is 'So many users may have one wallet while it is in force.';
set local lock_timeout to default;
"""


def upgrade() -> None:
    """Add the term; programmes of before let nobody share."""
    run(TERMS)
