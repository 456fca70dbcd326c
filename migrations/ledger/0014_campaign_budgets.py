"""Campaigns as people work with them: budgets that are raised and lowered with a reason, and an end."""

from cashback.kernel.migrations import run

revision = "0014"
down_revision = "0013"

CAMPAIGNS = r"""
alter table ledger.campaigns
    add column closed_at timestamptz,
    add column closed_because text
        constraint campaign_close_reason_bounded check (length(closed_because) between 1 and 200),
    add constraint campaign_closed_whole check ((closed_at is null) = (closed_because is null));

-- Why a budget was raised or lowered; the money itself is in the transfers.
create table ledger.budget_changes (
    position bigint generated always as identity primary key,
    campaign_id text collate "C" not null references ledger.campaigns,
    cause text collate "C" not null constraint budget_change_known check (cause in ('funding', 'withdrawal')),
    amount_minor bigint not null constraint budget_change_of_something check (amount_minor > 0),
    reason text not null constraint budget_change_reason_bounded check (length(reason) between 1 and 200),
    ordered_by text collate "C" not null,
    at timestamptz not null
);
create index budget_change_of_campaign on ledger.budget_changes (campaign_id, position);
create trigger budget_changes_immutable before update or delete or truncate on ledger.budget_changes
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
grant select on ledger.budget_changes to cashback_api, cashback_auditor;
grant insert on ledger.budget_changes to cashback_api;
grant update (closed_at, closed_because) on ledger.campaigns to cashback_api;
"""


def upgrade() -> None:
    """Add what campaigns need to be worked with."""
    run(CAMPAIGNS)
    run(GRANTS)
