"""Endpoints are changed: where one is and what it hears of, and that it was stands in its journal.

Whoever knows nothing of it goes on writing the lines that it wrote.
"""

from cashback.kernel.migrations import run

revision = "0011"
down_revision = "0010"

CHANGES = r"""
set local lock_timeout = '5s';
-- Every line that is there keeps the rule of before, which is narrower: nothing has to be read again.
alter table webhooks.endpoint_journal
    drop constraint journal_what_known,
    add constraint journal_what_known check (what in (
        'created', 'changed', 'rotated', 'secret_shown', 'enabled', 'disabled', 'replayed')) not valid;
set local lock_timeout to default;

grant update (url, types) on webhooks.endpoints to cashback_api;
"""


def upgrade() -> None:
    """Let the API change endpoints, and say so."""
    run(CHANGES)
