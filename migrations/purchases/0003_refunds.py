"""What is returned of a purchase.

refunds          what was returned: written once, with its effect on the cashback
parked_refunds   refunds that came before their purchase; they end with it, or never
"""

from cashback.kernel.migrations import run

revision = "0003"
down_revision = "0002"

REFUNDS = r"""
create index purchase_by_reference on purchases.purchases (merchant_id, reference) where reference is not null;

create table purchases.refunds (
    position bigint generated always as identity,
    id text collate "C" primary key constraint refund_id_shaped check (id like 'rfd\_%'),
    purchase_id text collate "C" not null references purchases.purchases,
    merchant_id text collate "C" not null,
    reference text constraint refund_reference_bounded check (length(reference) between 1 and 200),
    kind text collate "C" not null constraint refund_kind_known check (kind in ('refund', 'chargeback')),
    reason text not null constraint refund_reason_bounded check (length(reason) between 1 and 200),
    amount_minor bigint not null constraint refund_of_something check (amount_minor > 0),
    lines bytea constraint refund_lines_bounded check (octet_length(lines) between 2 and 16384),
    answer bytea not null constraint refund_answer_bounded check (octet_length(answer) between 2 and 65536),
    created_at timestamptz not null,
    constraint refund_reference_once unique (merchant_id, reference)
);
create index refund_of_purchase on purchases.refunds (purchase_id, position);

create table purchases.parked_refunds (
    position bigint generated always as identity,
    id text collate "C" primary key constraint parked_id_shaped check (id like 'rfd\_%'),
    merchant_id text collate "C" not null,
    purchase_reference text not null
        constraint parked_purchase_bounded check (length(purchase_reference) between 1 and 200),
    reference text constraint parked_reference_bounded check (length(reference) between 1 and 200),
    kind text collate "C" not null constraint parked_kind_known check (kind in ('refund', 'chargeback')),
    reason text not null constraint parked_reason_bounded check (length(reason) between 1 and 200),
    amount_minor bigint not null constraint parked_of_something check (amount_minor > 0),
    lines bytea constraint parked_lines_bounded check (octet_length(lines) between 2 and 16384),
    traceparent text collate "C",
    parked_at timestamptz not null,
    ended_at timestamptz,
    outcome text collate "C",
    constraint parked_reference_once unique (merchant_id, reference),
    constraint parked_end_whole check (num_nonnulls(ended_at, outcome) in (0, 2))
);
comment on column purchases.parked_refunds.outcome is 'applied, or the code of why it was refused by its purchase.';
create index parked_waiting on purchases.parked_refunds (merchant_id, purchase_reference) where ended_at is null;

create trigger refunds_immutable before update or delete or truncate on purchases.refunds
    for each statement execute function purchases.refuse_change();
create trigger parked_refunds_kept before delete or truncate on purchases.parked_refunds
    for each statement execute function purchases.refuse_change();
"""

GRANTS = r"""
grant select, insert on purchases.refunds, purchases.parked_refunds to cashback_api;
grant update (ended_at, outcome) on purchases.parked_refunds to cashback_api;
grant select on purchases.refunds, purchases.parked_refunds to cashback_auditor;
"""


def upgrade() -> None:
    """Add refunds."""
    run(REFUNDS)
    run(GRANTS)
