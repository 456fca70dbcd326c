"""Exchange rates: what a unit of one currency is worth in another, by whom and as of when; append-only."""

from cashback.kernel.migrations import run

revision = "0010"
down_revision = "0009"

RATES = r"""
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
"""

GRANTS = r"""
grant select on ledger.exchange_rates to cashback_api, cashback_ledger, cashback_auditor;
grant insert on ledger.exchange_rates to cashback_api;
"""


def upgrade() -> None:
    """Add the rates."""
    run(RATES)
    run(GRANTS)
