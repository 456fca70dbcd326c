"""Whose outcome the cursor stands at: an adapter whose stream was restored and has grown past it again is found out.

outcome_cursor.number   the number of the last outcome that was applied; 0 when it is not known
"""

from cashback.kernel.migrations import run

revision = "0005"
down_revision = "0004"

CURSOR = r"""
alter table minting.outcome_cursor
    add column number bigint not null default 0 constraint cursor_number_not_negative check (number >= 0);
alter table minting.halts
    drop constraint halt_kind_known,
    add constraint halt_kind_known check (kind in (
        'foreign_fingerprint', 'second_number', 'adapter_conflict', 'unrequested_outcome', 'foreign_outcome',
        'contradicted_outcome', 'cursor_ahead', 'cursor_foreign', 'by_hand'));
grant update (number) on minting.outcome_cursor to minting_worker, minting_operator;
"""


def upgrade() -> None:
    """Add the column and the kind of halt, and grant what moves the cursor."""
    run(CURSOR)
