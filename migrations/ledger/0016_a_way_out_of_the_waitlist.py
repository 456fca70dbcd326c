"""A way out of `waitlisted`: what waits for a campaign's budget stands in line, and is decided a second time.

A cashback has a decision for each time it was decided: the first when its purchase was recorded, and the one that ended
its waiting. The last one says what it is.
"""

from cashback.kernel.migrations import run

revision = "0016"
down_revision = "0015"

DECISIONS = r"""
alter table ledger.decisions
    add column sequence smallint not null default 1
        constraint decision_sequence_positive check (sequence > 0),
    drop constraint decisions_pkey,
    add primary key (cashback_id, sequence);
"""

WAITLIST = r"""
-- Who waits for which campaign, how much of its budget they want at most, and until when. A row goes when its cashback
-- is decided again: how that came about is told by decisions and transitions.
create table ledger.waitlist (
    cashback_id text collate "C" primary key references ledger.cashback_ledger,
    position bigint generated always as identity,
    campaign_id text collate "C" not null references ledger.campaigns,
    wanted_minor bigint not null constraint waitlist_wants_something check (wanted_minor > 0),
    waits_until timestamptz not null,
    has_returns boolean not null default false
);
comment on column ledger.waitlist.has_returns is 'A refund came since it was looked at.';
-- The first entry of a campaign answers each: is there anybody whom so much is enough for, who has waited too long, of
-- whose purchase something came back? A line that nothing can be done about costs three look-ups, however long it is.
create index waitlist_by_need on ledger.waitlist (campaign_id, wanted_minor);
create index waitlist_by_age on ledger.waitlist (campaign_id, waits_until);
create index waitlist_returned on ledger.waitlist (campaign_id) where has_returns;

drop index ledger.cashback_waitlisted;
"""

BACKFILL = r"""
-- Those who wait already: for the first campaign that has nothing for them and lets them wait.
insert into ledger.waitlist (cashback_id, campaign_id, wanted_minor, waits_until, has_returns)
select cashback.id, clamp.campaign_id, clamp.wanted, cashback.created_at + interval '30 days',
       cashback.returned is not null
from ledger.cashback_ledger as cashback
join ledger.decisions as decision on decision.cashback_id = cashback.id
cross join lateral convert_from(decision.document, 'UTF8') as text (document)
cross join lateral (
    select passed.value ->> 3 as campaign_id, (passed.value ->> 1)::bigint as wanted
    from jsonb_array_elements(text.document::jsonb #> '{verdict,trace,clamps}') as passed (value)
    join ledger.campaigns as campaign on campaign.id = passed.value ->> 3
    where passed.value ->> 0 = 'campaign_total'
      and passed.value ->> 1 <> passed.value ->> 2
      and campaign.on_exhaustion = 'waitlist'
    order by passed.value ->> 3
    limit 1
) as clamp
where cashback.state = 'waitlisted'
order by cashback.position;
"""

NET = r"""
-- Nobody's cashback becomes less without a refund of its purchase or a debit by hand that says why.
alter table ledger.cashback_ledger
    add constraint cashback_net_explained
        check (net_minor = amount_minor or returned is not null or debited_minor > 0);
"""

GRANTS = r"""
grant select on ledger.waitlist to cashback_api, cashback_ledger, cashback_auditor;
grant insert (cashback_id, campaign_id, wanted_minor, waits_until), update (has_returns)
    on ledger.waitlist to cashback_api;
grant update (campaign_id, wanted_minor, has_returns), delete on ledger.waitlist to cashback_ledger;

-- What the worker decides a second time it grants: out of budgets, within limits, as the API does the first time.
grant insert (cashback_id, sequence, document) on ledger.decisions to cashback_ledger;
grant select, insert (owner, subject, kind, period, used_minor), update (used_minor)
    on ledger.counters to cashback_ledger;
-- The trigger cashback_frozen lets it change the first six while the cashback waits, and the others only fall. What was
-- returned meanwhile it takes off by the same statement as the API.
grant update (desired_minor, amount_minor, token_units, reason, grants, hold_until,
              net_minor, returned, debited_minor, debt_units)
    on ledger.cashback_ledger to cashback_ledger;
"""


def upgrade() -> None:
    """Number the decisions, and put whoever waits in line."""
    run(DECISIONS)
    run(WAITLIST)
    run(BACKFILL)
    run(NET)
    run(GRANTS)
