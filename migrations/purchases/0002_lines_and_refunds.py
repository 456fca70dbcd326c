"""The lines of a purchase, and what is returned of it."""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

LINES = r"""
alter table purchases.purchases
    add column lines bytea constraint purchase_lines_bounded check (octet_length(lines) between 2 and 65536);
comment on column purchases.purchases.lines is 'Canonical JSON; null: one line, the purchase as a whole.';
"""


def upgrade() -> None:
    """Add lines."""
    run(LINES)
