"""The outbox says of each event which version of its type's body it holds, the inbox which events a consumer failed on.

Whatever is in the outbox is of version 1; nothing has failed yet.
"""

from cashback.kernel.migrations import block, run

revision = "0030"
down_revision = "0029"

GRANTS = r"""
-- Which consumer and which key a failure is of never changes; the rest does when it is the turn of another event.
grant select, insert, delete, update (event_id, attempts, first_failed_at, retry_at, history)
    on ledger.inbox_failures to cashback_ledger;
grant select on ledger.inbox_failures to cashback_auditor;
"""


def upgrade() -> None:
    """Add both; a process of the release before leaves the version out, and appends events of the first."""
    run(block("inbox_v2", schema="ledger"))
    run(GRANTS)
    # Last, since it locks what everybody writes to.
    run(block("outbox_v2", schema="ledger"))
