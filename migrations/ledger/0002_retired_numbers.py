"""Cashbacks whose mint number was retired: given back by an operator, to be requested under another number.

    stuck, for `number_retired` ──an operator──▶ approved

retired_numbers   what was requested under the number that is given up, who gave it up and why: written once

The step is taken only beside such a row, which none but the operator's role may write, and that role takes no other.
"""

from cashback.kernel.migrations import run

revision = "0002"
down_revision = "0001"

RETIRED = r"""
create table ledger.retired_numbers (
    number bigint primary key constraint retired_number_positive check (number > 0),
    cashback_id text collate "C" not null references ledger.cashback_ledger,
    recipient text collate "C" not null,
    request bytea not null,
    requested_at timestamptz not null,
    reason text not null constraint retired_reason_bounded check (length(reason) between 1 and 500),
    person text not null constraint retired_person_bounded check (length(person) between 1 and 200),
    at timestamptz not null
);
create index retired_number_of_cashback on ledger.retired_numbers (cashback_id);
create trigger retired_numbers_immutable before update or delete or truncate on ledger.retired_numbers
    for each statement execute function ledger.refuse_change();

alter table ledger.cashback_transitions
    drop constraint transition_known,
    add constraint transition_known check (coalesce(from_state, '') || '>' || to_state in (
        '>declined', '>approved', 'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck',
        'stuck>minted', 'stuck>approved'));

alter table ledger.transfers
    drop constraint transfer_cause_known,
    add constraint transfer_cause_known check (cause in (
        'funding', 'accrual', 'conversion', 'request', 'mint', 'stuck', 'retirement', 'reconversion'));

create or replace function ledger.keep_cashback_frozen() returns trigger language plpgsql as $$
declare
    is_given_back constant boolean not null := old.state = 'stuck' and new.state = 'approved';
begin
    if row(new.id, new.position, new.purchase_id, new.user_id, new.merchant_id, new.programme_id, new.currency,
           new.desired_minor, new.amount_minor, new.token_units, new.reason, new.created_at)
       is distinct from
       row(old.id, old.position, old.purchase_id, old.user_id, old.merchant_id, old.programme_id, old.currency,
           old.desired_minor, old.amount_minor, old.token_units, old.reason, old.created_at)
       or not is_given_back and old.mint_number is not null
       and row(new.mint_number, new.recipient, new.request, new.requested_at)
           is distinct from row(old.mint_number, old.recipient, old.request, old.requested_at)
    then
        raise exception 'cashback % is frozen', old.id using errcode = 'integrity_constraint_violation';
    end if;
    if is_given_back and (old.failure <> 'number_retired' or not exists (
        select
        from ledger.retired_numbers as retired
        where retired.number = old.mint_number
          and (retired.cashback_id, retired.recipient, retired.request, retired.requested_at)
              = (old.id, old.recipient, old.request, old.requested_at)))
    then
        raise exception 'cashback % is stuck, and its number is not retired', old.id
            using errcode = 'integrity_constraint_violation';
    end if;
    if current_user = 'cashback_operator' and not is_given_back
       or new.state <> old.state and old.state || '>' || new.state not in (
        'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck', 'stuck>minted', 'stuck>approved')
    then
        raise exception 'cashback % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
"""

GRANTS = r"""
grant usage on schema ledger to cashback_operator;
grant select on ledger.cashback_ledger, ledger.retired_numbers, ledger.accounts to cashback_operator;
grant insert on ledger.retired_numbers, ledger.cashback_transitions, ledger.transfers to cashback_operator;
grant update (state, mint_number, recipient, request, requested_at, reissue_after, reissues, failure)
    on ledger.cashback_ledger to cashback_operator;
grant insert (owner, kind, currency), update (balance) on ledger.accounts to cashback_operator;

grant select on ledger.retired_numbers to cashback_ledger, cashback_auditor;
"""


def upgrade() -> None:
    """Add the table and the step that is taken beside it, and give both to the operator's role."""
    run(RETIRED)
    run(GRANTS)
