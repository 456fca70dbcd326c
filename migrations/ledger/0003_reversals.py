"""Mints that are taken back: the final block where a mint's outcome stood was replaced, and it is in flight again.

`reversals` counts that, as minting does: an outcome is applied when no later one is known, whatever order they come in.
"""

from cashback.kernel.migrations import run

revision = "0003"
down_revision = "0002"

CHANGES = r"""
alter table ledger.cashback_ledger
    add column reversals integer not null default 0
        constraint cashback_reversals_not_negative check (reversals >= 0),
    add constraint cashback_reversed_was_requested check (reversals = 0 or mint_number is not null);

alter table ledger.cashback_transitions
    drop constraint transition_known,
    add constraint transition_known check (coalesce(from_state, '') || '>' || to_state in (
        '>declined', '>approved', 'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck',
        'stuck>minted', 'stuck>approved', 'minted>mint_requested', 'stuck>mint_requested'));

alter table ledger.transfers
    drop constraint transfer_cause_known,
    add constraint transfer_cause_known check (cause in (
        'funding', 'accrual', 'conversion', 'request', 'mint', 'stuck', 'retirement', 'reconversion', 'revert'));

alter table ledger.retired_numbers
    add column reversals integer not null default 0
        constraint retired_reversals_not_negative check (reversals >= 0);

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
        'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck', 'stuck>minted', 'stuck>approved',
        'minted>mint_requested', 'stuck>mint_requested')
    then
        raise exception 'cashback % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'integrity_constraint_violation';
    end if;
    -- They are counted under one number; under the next one they begin anew.
    if is_given_back and new.reversals <> 0
       or not is_given_back and new.reversals < old.reversals
       or old.state in ('minted', 'stuck') and new.state = 'mint_requested' and new.reversals = old.reversals
    then
        raise exception 'cashback % goes back to mint_requested only with one more reversal', old.id
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
"""

GRANTS = r"""
grant update (reversals) on ledger.cashback_ledger to cashback_ledger, cashback_operator;
"""


def upgrade() -> None:
    """Add the count, let the two steps back be taken, and grant the worker to count."""
    run(CHANGES)
    run(GRANTS)
