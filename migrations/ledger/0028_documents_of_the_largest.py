"""Documents of a purchase hold the largest that there can be: 100 lines, and 200 campaigns that all pay for it.

What a cashback was granted names each campaign once from now on. Rulesets published before the bound on their campaigns
may have one for each of 200 rules: theirs are recorded as well. Purchases that no programme took, of which there are
few or none, are counted for backtests by an index of theirs.
"""

from cashback.kernel.migrations import run

revision = "0028"
down_revision = "0027"

BOUNDS = r"""
alter table ledger.cashback_ledger
    drop constraint cashback_grants_bounded,
    add constraint cashback_grants_bounded check (octet_length(grants) <= 393216);
alter table ledger.decisions
    drop constraint decision_bounded,
    add constraint decision_bounded check (octet_length(document) <= 655360);
create index cashback_without_programme on ledger.cashback_ledger (created_at) where programme_id is null;
comment on column ledger.cashback_ledger.grants is
    'What a refund needs: campaigns once, base and shares of each line by place, the frozen rate; canonical JSON.';
"""


def upgrade() -> None:
    """Let in what the largest purchase of the largest ruleset stores, and find what no programme took."""
    run(BOUNDS)
