"""Refunds: what was returned of each cashback's purchase, who owes tokens for it, and who gave that up.

write_offs   debt that was given up: whose, how much, by whom and why; written once
"""

from cashback.kernel.migrations import run

revision = "0010"
down_revision = "0009"

# Until now a decision was one percentage of the whole purchase, paid by its programme's only campaign.
GRANTS_KNOWN = r"""
alter table ledger.cashback_ledger disable trigger cashback_frozen;
update ledger.cashback_ledger as cashback
set grants = convert_to(
        '{"exponent":"' || programme.exponent
        || '","lines":[{"base":"' || (convert_from(decision.document, 'UTF8')::jsonb -> 'facts' ->> 'amount')
        || '","grants":[["' || campaign.id || '","' || cashback.amount_minor
        || '"]]}],"rate":["' || programme.token_rate_numerator || '","' || programme.token_rate_denominator || '"]}',
        'UTF8')
from ledger.decisions as decision, ledger.programmes as programme, ledger.campaigns as campaign
where decision.cashback_id = cashback.id
  and programme.id = cashback.programme_id
  and campaign.programme_id = cashback.programme_id
  and campaign.name = 'base'
  and cashback.amount_minor > 0
  and cashback.grants is null;
alter table ledger.cashback_ledger enable trigger cashback_frozen;
"""

REFUNDS = r"""
alter table ledger.cashback_ledger
    add column returned bytea constraint cashback_returned_bounded check (octet_length(returned) <= 4096);
comment on column ledger.cashback_ledger.returned is
    'What was returned of the purchase in all, by line and by amount; canonical JSON.';

alter table ledger.accounts
    add constraint account_owes_or_nothing check (balance <= 0 or kind <> 'debt');
create index account_in_debt on ledger.accounts (owner) where kind = 'debt' and balance < 0;

-- The API takes back what was returned; every other step is somebody else's.
create function ledger.keep_api_to_refunds() returns trigger language plpgsql set search_path = pg_catalog as $$
begin
    if current_user = 'cashback_api' and new.state not in ('voided', 'reversed') then
        raise exception 'the API makes no cashback %', new.state using errcode = 'insufficient_privilege';
    end if;
    return new;
end
$$;
create trigger cashback_by_api before update of state on ledger.cashback_ledger
    for each row when (old.state is distinct from new.state) execute function ledger.keep_api_to_refunds();

create table ledger.write_offs (
    position bigint generated always as identity primary key,
    user_id text collate "C" not null,
    programme_id text collate "C" not null references ledger.programmes,
    token_units bigint not null constraint write_off_of_something check (token_units > 0),
    person text not null constraint write_off_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint write_off_reason_bounded check (length(reason) between 1 and 500),
    at timestamptz not null
);
create index write_off_of_user on ledger.write_offs (user_id, position);
create trigger write_offs_immutable before update or delete or truncate on ledger.write_offs
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
revoke execute on function ledger.keep_api_to_refunds from public;
-- A refund is one transaction of the API's: purchase and cashback change together, or neither does.
grant update (state, net_minor, payable_minor, payable_units, debt_units, returned)
    on ledger.cashback_ledger to cashback_api;
grant select on ledger.retired_numbers to cashback_api;
grant select, insert on ledger.write_offs to cashback_api;
grant insert on ledger.write_offs to cashback_ledger;
grant select on ledger.write_offs to cashback_auditor;
"""


def upgrade() -> None:
    """Write down the grants of cashbacks that were decided before; add what refunds leave, and write-offs."""
    run(GRANTS_KNOWN)
    run(REFUNDS)
    run(GRANTS)
