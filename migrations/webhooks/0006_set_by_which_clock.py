"""When it was set that a delivery is due: what was set later than now was set by a clock that was set back since."""

from cashback.kernel.migrations import run

revision = "0006"
down_revision = "0005"

SET_AT = r"""
set local lock_timeout = '5s';
-- By the same clock as `due_at`. Processes of the release before, which do not know of it, leave it as it is.
alter table webhooks.deliveries add column due_set_at timestamptz not null default now();
-- Reads every delivery under the lock of the line above: ADR 0065 has how long that takes.
create index delivery_set on webhooks.deliveries (due_set_at) where state in ('due', 'claimed');
set local lock_timeout to default;

grant update (due_set_at) on webhooks.deliveries to cashback_webhooks;
"""


def upgrade() -> None:
    """Add the instant with an index of what is open, and the worker's right to set it."""
    run(SET_AT)
