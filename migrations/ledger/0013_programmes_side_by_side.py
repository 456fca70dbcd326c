"""Several programmes in force at a time, one for each currency that purchases are made in.

A programme takes purchases in the currency that it is funded in, and in those that it accepts beside that.
"""

from cashback.kernel.migrations import run

revision = "0013"
down_revision = "0012"

CURRENCIES = r"""
create extension if not exists btree_gist with schema ledger;

create table ledger.programme_currencies (
    programme_id text collate "C" not null references ledger.programmes,
    currency text collate "C" not null constraint accepted_currency_shaped check (currency ~ '^[A-Z]{3}$'),
    starts_at timestamptz not null,
    ends_at timestamptz,
    primary key (programme_id, currency),
    constraint accepted_window_forward check (ends_at >= starts_at),
    constraint accepted_by_one_programme exclude using gist (
        currency with =, tstzrange(starts_at, ends_at) with &&)
);
insert into ledger.programme_currencies (programme_id, currency, starts_at, ends_at)
select id, currency, created_at,
       case when ended_at is not null then greatest(ended_at, created_at) end
from ledger.programmes;
drop index ledger.programme_one_in_force;

alter table ledger.programmes
    add column ended_because text
        constraint programme_end_reason_bounded check (length(ended_because) between 1 and 200);

-- A programme ends once, and takes no purchases from then on.
create function ledger.end_programme() returns trigger language plpgsql
security definer set search_path = pg_catalog as $$
begin
    if old.ended_at is not null then
        raise exception 'programme % has ended', old.id using errcode = 'integrity_constraint_violation';
    end if;
    update ledger.programme_currencies
    set ends_at = greatest(new.ended_at, starts_at)
    where programme_id = new.id
      and ends_at is null;
    return new;
end
$$;
create trigger programme_ends_once before update on ledger.programmes
    for each row when (old.ended_at is distinct from new.ended_at) execute function ledger.end_programme();
create trigger accepted_kept before delete or truncate on ledger.programme_currencies
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
revoke execute on function ledger.end_programme from public;
grant select on ledger.programme_currencies to cashback_api, cashback_ledger, cashback_auditor;
grant insert on ledger.programme_currencies to cashback_api;
grant update (ended_because) on ledger.programmes to cashback_api;
"""


def upgrade() -> None:
    """Let programmes stand side by side, one for each currency."""
    run(CURRENCIES)
    run(GRANTS)
