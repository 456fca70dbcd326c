"""The outbox says of each event which version of its type's body it holds: 1 for all that there are."""

from cashback.kernel.migrations import block, run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; a process of the release before leaves it out and appends events of the first version."""
    run(block("outbox_v2", schema="purchases"))
