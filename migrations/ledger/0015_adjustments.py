"""Adjustments by hand: cashback that no purchase earned, and cashback that a person takes back; each with its reason.

A credit is a cashback whose origin is an adjustment; a debit makes the cashback that it names smaller, or its user owe.
"""

from cashback.kernel.migrations import run

revision = "0015"
down_revision = "0014"

ADJUSTMENTS = r"""
create table ledger.adjustments (
    position bigint generated always as identity,
    id text collate "C" primary key constraint adjustment_id_shaped check (id like 'adj\_%'),
    kind text collate "C" not null constraint adjustment_kind_known check (kind in ('credit', 'debit')),
    cashback_id text collate "C" not null references ledger.cashback_ledger,
    user_id text collate "C" not null,
    programme_id text collate "C" not null references ledger.programmes,
    campaign_id text collate "C" references ledger.campaigns,
    currency text collate "C" not null,
    amount_minor bigint not null constraint adjustment_of_something check (amount_minor > 0),
    token_units bigint not null constraint adjustment_tokens_not_negative check (token_units >= 0),
    person text not null constraint adjustment_person_bounded check (length(person) between 1 and 200),
    reason text not null constraint adjustment_reason_bounded check (length(reason) between 1 and 500),
    at timestamptz not null,
    constraint adjustment_position_once unique (position),
    constraint adjustment_credit_pays check (kind = 'debit' or token_units > 0),
    constraint adjustment_debit_of_nobodys_budget check (kind = 'credit' or campaign_id is null)
);
comment on column ledger.adjustments.campaign_id is
    'Whose budget paid a credit; null: the programme itself, or a debit, which goes back to whoever paid.';
comment on column ledger.adjustments.token_units is 'What a credit granted, or what a debit made the user owe.';
create index adjustment_of_user on ledger.adjustments (user_id, position);
create index adjustment_of_cashback on ledger.adjustments (cashback_id, position);
create trigger adjustments_immutable before update or delete or truncate on ledger.adjustments
    for each statement execute function ledger.refuse_change();
"""

CASHBACKS = r"""
alter table ledger.cashback_ledger
    alter column merchant_id drop not null,
    add constraint cashback_bought_at_merchant check ((merchant_id is null) = (purchase_id is null)),
    add constraint cashback_adjusted_is_granted check (adjustment_id is null or amount_minor > 0),
    add column debited_minor bigint not null default 0
        constraint cashback_debited_within_amount check (debited_minor between 0 and amount_minor);
comment on column ledger.cashback_ledger.debited_minor is 'What people took back of it by hand, beside all refunds.';
"""

GRANTS = r"""
grant select on ledger.adjustments to cashback_api, cashback_auditor;
grant insert (id, kind, cashback_id, user_id, programme_id, campaign_id, currency, amount_minor, token_units, person,
    reason, at) on ledger.adjustments to cashback_api;
grant insert (adjustment_id), update (debited_minor) on ledger.cashback_ledger to cashback_api;
"""


def upgrade() -> None:
    """Add adjustments, and let cashbacks have one as their origin or be made smaller by one."""
    run(ADJUSTMENTS)
    run(CASHBACKS)
    run(GRANTS)
