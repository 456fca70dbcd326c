"""The log of deliveries is read by endpoint, newest first: all of it, or what failed, which is rare."""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

INDEXES = r"""
set local lock_timeout = '5s';
create index delivery_by_id on webhooks.deliveries (endpoint_id, id);
create index delivery_failed on webhooks.deliveries (endpoint_id, id) where state = 'failed';
"""


def upgrade() -> None:
    """Index the log by what it is read by."""
    run(INDEXES)
