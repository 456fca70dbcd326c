"""How often a mint's outcome was taken back: told with each outcome, so that readers know which came last."""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

CHANGES = """
alter table minting.mints
    add column reversals integer not null default 0 constraint mint_reversals_not_negative check (reversals >= 0);

grant update (reversals) on minting.mints to minting_worker;
"""


def upgrade() -> None:
    """Add the count, which the worker may raise."""
    run(CHANGES)
