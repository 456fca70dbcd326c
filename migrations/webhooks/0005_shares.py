"""Fair shares among endpoints, and what one misses that was disabled by us."""

from cashback.kernel.migrations import run

revision = "0005"
down_revision = "0004"

SHARES = r"""
set local lock_timeout = '5s';
-- What is in flight, of which there is little, apart from what waits for its next try, of which there may be much.
create index delivery_in_flight on webhooks.deliveries (endpoint_id, due_at) where state = 'claimed';

alter table webhooks.endpoints add column disabled_at timestamptz;
update webhooks.endpoints as endpoint
set disabled_at = coalesce(
    (
        select max(line.done_at)
        from webhooks.endpoint_journal as line
        where line.endpoint_id = endpoint.id
          and line.what = 'disabled'
    ),
    now()
)
where endpoint.state = 'disabled';
-- Not checked yet: processes of the release before, which do not know of it, disable and enable beside this one.
create index endpoint_disabled on webhooks.endpoints (id) where state = 'disabled';
set local lock_timeout to default;

grant update (disabled_at) on webhooks.endpoints to cashback_api, cashback_webhooks;
-- What a disabled endpoint misses is stored as failed.
grant insert (state, due_at, ended_at) on webhooks.deliveries to cashback_webhooks;
"""


def upgrade() -> None:
    """Add the indexes of both, since when an endpoint is disabled, and the right to store what it misses."""
    run(SHARES)
