"""From which block on every mint is known: one under a number that nobody submitted here halts minting.

network.known_from_block   null until every lane is open and nothing signed before can still be mined; then the final
                           block at that time, for good. Above it a mint log without its row in `mints` means that this
                           database is older than the chain, or that somebody else mints.
"""

from cashback.kernel.migrations import run

revision = "0004"
down_revision = "0003"

CHANGES = """
alter table chain.network add column known_from_block bigint;
grant update (known_from_block) on chain.network to chain_adapter;
"""


def upgrade() -> None:
    """Add the column, and let the adapter set it."""
    run(CHANGES)
