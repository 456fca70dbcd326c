"""What decisions by rulesets need beside budgets: counters of what was granted, exchange rates, users by wallet.

The first rules of a programme, and the campaign that pays by them, are of all time before: purchases that are imported
occurred long before they are recorded.
"""

from cashback.kernel.migrations import run

revision = "0007"
down_revision = "0006"

COUNTERS = r"""
-- What was granted so far: to a user by day, month and ever, at a merchant by day, by a campaign by day. A row is
-- updated in place by every grant that it counts: room is left for that.
create table ledger.counters (
    owner text collate "C" not null,
    subject text collate "C" not null,
    kind text collate "C" not null constraint counter_kind_known check (
        kind in ('user_day', 'user_month', 'user_lifetime', 'merchant_day', 'campaign_day')),
    period text collate "C" not null constraint counter_period_shaped check (
        period ~ case kind when 'user_lifetime' then '^$'
                           when 'user_month' then '^[0-9]{4}-[0-9]{2}$'
                           else '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' end),
    used_minor bigint not null default 0 constraint counter_not_negative check (used_minor >= 0),
    primary key (owner, subject, kind, period)
) with (fillfactor = 70);
comment on column ledger.counters.owner is 'The programme whose limit it is, or the campaign.';
comment on column ledger.counters.subject is 'The user or the merchant; empty where the owner is a campaign.';

-- Append-only: what a unit of one currency is worth in another, by whom and as of when.
create table ledger.exchange_rates (
    position bigint generated always as identity primary key,
    base text collate "C" not null constraint rate_base_shaped check (base ~ '^[A-Z]{3}$'),
    quote text collate "C" not null constraint rate_quote_shaped check (quote ~ '^[A-Z]{3}$'),
    numerator bigint not null constraint rate_positive check (numerator > 0),
    denominator bigint not null constraint rate_finite check (denominator > 0),
    source text not null constraint rate_source_bounded check (length(source) between 1 and 200),
    as_of timestamptz not null,
    is_confirmed boolean not null,
    recorded_at timestamptz not null,
    constraint rate_between_two check (base <> quote),
    constraint rate_once unique (base, quote, as_of),
    constraint rate_known_before_it_is_used check (as_of <= recorded_at)
);
comment on table ledger.exchange_rates is
    'Whole units of quote for one whole unit of base, numerator / denominator; the latest up to T is in force at T.';
create trigger rates_immutable before update or delete or truncate on ledger.exchange_rates
    for each statement execute function ledger.refuse_change();

create index recipient_by_wallet on ledger.recipients (wallet);
"""

BEGINNING = r"""
update ledger.campaigns
set starts_at = '1900-01-01 00:00:00+00'
where name = 'base';
alter table ledger.rulesets disable trigger rulesets_immutable;
update ledger.rulesets
set starts_at = '1900-01-01 00:00:00+00'
where version = 1;
alter table ledger.rulesets enable trigger rulesets_immutable;
"""

GRANTS = r"""
grant select, insert, update (used_minor) on ledger.counters to cashback_api;
grant select on ledger.counters, ledger.exchange_rates to cashback_auditor;
grant select on ledger.exchange_rates to cashback_api, cashback_ledger;
grant insert on ledger.exchange_rates to cashback_api;
"""


def upgrade() -> None:
    """Create counters and rates, each with the grants that today's code needs."""
    run(COUNTERS)
    run(BEGINNING)
    run(GRANTS)
