"""Every instant that a person gave lies in the range of `kernel.instants`: what lies beyond could never be read again.

A window to the end of the year 9999 by a clock west of Greenwich was stored, and stopped every purchase of its
programme; a rate of the year 1 by a clock east of it stopped the list of rates. No route reaches such a row, and no
role may change it, so it is brought to the end of the range that it lies beyond. Several of one table keep their order
and which of them are equal, a microsecond apart: a version still ends where the next one begins.
"""

from cashback.kernel.migrations import run

revision = "0027"
down_revision = "0026"

WINDOWS = r"""
with stray as (
    select instant,
           timestamptz '9999-01-01 00:00:00+00'
           - (dense_rank() over (order by instant desc) - 1) * interval '1 microsecond' as told
    from (select starts_at as instant from {table} union select ends_at from {table}) as given
    where instant > timestamptz '9999-01-01 00:00:00+00'
)
update {table} as window_of
set starts_at = coalesce((select told from stray where instant = window_of.starts_at), starts_at),
    ends_at = coalesce((select told from stray where instant = window_of.ends_at), ends_at)
where starts_at > timestamptz '9999-01-01 00:00:00+00'
   or ends_at > timestamptz '9999-01-01 00:00:00+00';
"""

RATES = r"""
with stray as (
    select position,
           timestamptz '1900-01-01 00:00:00+00'
           + (dense_rank() over (order by as_of) - 1) * interval '1 microsecond' as told
    from ledger.exchange_rates
    where as_of < timestamptz '1900-01-01 00:00:00+00'
)
update ledger.exchange_rates as rate
set as_of = stray.told
from stray
where rate.position = stray.position;
"""

BOUNDS = r"""
alter table ledger.campaigns add constraint campaign_window_in_range check (
    starts_at between timestamptz '1900-01-01 00:00:00+00' and timestamptz '9999-01-01 00:00:00+00'
    and ends_at <= timestamptz '9999-01-01 00:00:00+00');
alter table ledger.rulesets add constraint ruleset_window_in_range check (
    starts_at between timestamptz '1900-01-01 00:00:00+00' and timestamptz '9999-01-01 00:00:00+00'
    and ends_at <= timestamptz '9999-01-01 00:00:00+00');
alter table ledger.exchange_rates add constraint rate_in_range check (
    as_of between timestamptz '1900-01-01 00:00:00+00' and timestamptz '9999-01-01 00:00:00+00');
"""


def upgrade() -> None:
    """Bring what is out of range to its end, and let nothing else in."""
    run(WINDOWS.format(table="ledger.campaigns"))
    run("alter table ledger.rulesets disable trigger user")
    run(WINDOWS.format(table="ledger.rulesets"))
    run("alter table ledger.rulesets enable trigger user")
    run("alter table ledger.exchange_rates disable trigger user")
    run(RATES)
    run("alter table ledger.exchange_rates enable trigger user")
    run(BOUNDS)
