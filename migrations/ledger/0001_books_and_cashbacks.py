"""The ledger: programmes, cashbacks with their decisions and transitions, and the books in double entry."""

from cashback.kernel.migrations import block, run

revision = "0001"
down_revision = None

PROGRAMMES = r"""
-- What is paid for, in which currency, and how money turns into tokens. One is in force at a time, for now.
create table ledger.programmes (
    id text collate "C" primary key constraint programme_id_shaped check (id like 'prg\_%'),
    name text not null constraint programme_name_once unique
        constraint programme_name_bounded check (length(name) between 1 and 200),
    currency text collate "C" not null constraint programme_currency_shaped check (currency ~ '^[A-Z]{3}$'),
    exponent smallint not null constraint programme_exponent_known check (exponent between 0 and 4),
    token_rate_numerator bigint not null constraint programme_rate_positive check (token_rate_numerator > 0),
    token_rate_denominator bigint not null constraint programme_rate_finite check (token_rate_denominator > 0),
    created_at timestamptz not null,
    ended_at timestamptz
);
create unique index programme_one_in_force on ledger.programmes ((true)) where ended_at is null;

-- The rules of a programme; a published version never changes, a change is a new version.
create table ledger.rulesets (
    id text collate "C" primary key constraint ruleset_id_shaped check (id like 'rul\_%'),
    programme_id text collate "C" not null references ledger.programmes,
    version integer not null constraint ruleset_version_positive check (version > 0),
    rate_bps integer not null constraint ruleset_rate_possible check (rate_bps between 1 and 10000),
    published_at timestamptz not null,
    constraint ruleset_version_once unique (programme_id, version)
);

-- Where a user's tokens go from now on; a request freezes its own copy.
create table ledger.recipients (
    user_id text collate "C" primary key,
    wallet text collate "C" not null
        constraint recipient_wallet_shaped check (wallet ~ '^0x[0-9a-fA-F]{40}$')
        constraint recipient_wallet_not_zero check (wallet !~ '^0x0{40}$'),
    linked_at timestamptz not null,
    released_at timestamptz
);
comment on column ledger.recipients.released_at is 'When the sweep requested what had waited for this wallet.';
create index recipient_unreleased on ledger.recipients (linked_at) where released_at is null;
"""

CASHBACKS = r"""
create sequence ledger.mint_numbers as bigint;

-- One row per cashback: what it is now. Why stands in decisions, how it came here in cashback_transitions.
create table ledger.cashback_ledger (
    position bigint generated always as identity,
    id text collate "C" primary key constraint cashback_id_shaped check (id like 'cb\_%'),
    purchase_id text collate "C" not null constraint cashback_purchase_once unique,
    user_id text collate "C" not null,
    merchant_id text collate "C" not null,
    programme_id text collate "C",
    currency text collate "C" not null,
    desired_minor bigint not null constraint cashback_desired_not_negative check (desired_minor >= 0),
    amount_minor bigint not null,
    token_units bigint not null,
    state text collate "C" not null
        constraint cashback_state_known check (state in ('declined', 'approved', 'mint_requested', 'minted', 'stuck')),
    reason text collate "C" not null,
    traceparent text collate "C",
    created_at timestamptz not null,
    mint_number bigint constraint cashback_mint_number_once unique,
    recipient text collate "C",
    request bytea,
    requested_at timestamptz,
    reissue_after timestamptz,
    reissues integer not null default 0 constraint cashback_reissues_not_negative check (reissues >= 0),
    failure text,
    transaction_hash text collate "C",
    block_number bigint,
    block_hash text collate "C",
    minted_at timestamptz,
    constraint cashback_amount_within_desired check (amount_minor between 0 and desired_minor),
    constraint cashback_tokens_with_amount check (token_units >= 0 and (token_units = 0) = (amount_minor = 0)),
    constraint cashback_declined_is_nothing check ((state = 'declined') = (amount_minor = 0)),
    constraint cashback_granted_by_programme check (amount_minor = 0 or programme_id is not null),
    constraint cashback_request_whole check (
        num_nonnulls(mint_number, recipient, request, requested_at, reissue_after)
        = case when state in ('mint_requested', 'minted', 'stuck') then 5 else 0 end),
    constraint cashback_recipient_shaped check (recipient ~ '^0x[0-9a-fA-F]{40}$'),
    constraint cashback_mint_whole check (
        num_nonnulls(transaction_hash, block_number, block_hash, minted_at)
        = case when state = 'minted' then 4 else 0 end),
    constraint cashback_stuck_says_why check (state <> 'stuck' or failure is not null),
    constraint cashback_minted_without_failure check (state <> 'minted' or failure is null)
);
create index cashback_of_user on ledger.cashback_ledger (user_id, position);
create index cashback_waiting on ledger.cashback_ledger (position) where state = 'approved';
create index cashback_in_flight on ledger.cashback_ledger (reissue_after) where state = 'mint_requested';

-- The stored inputs and outcome of each decision: canonical bytes that replay to themselves.
create table ledger.decisions (
    cashback_id text collate "C" primary key,
    document bytea not null constraint decision_bounded check (octet_length(document) <= 65536)
);

-- How each cashback came to where it is.
create table ledger.cashback_transitions (
    position bigint generated always as identity,
    cashback_id text collate "C" not null,
    from_state text collate "C",
    to_state text collate "C" not null,
    actor text collate "C" not null,
    cause text not null,
    at timestamptz not null,
    primary key (cashback_id, position),
    constraint transition_known check (coalesce(from_state, '') || '>' || to_state in (
        '>declined', '>approved', 'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck',
        'stuck>minted'))
);

-- What a decision granted and a request froze never changes, and no state follows that the table above does not know.
create function ledger.keep_cashback_frozen() returns trigger language plpgsql as $$
begin
    if row(new.id, new.position, new.purchase_id, new.user_id, new.merchant_id, new.programme_id, new.currency,
           new.desired_minor, new.amount_minor, new.token_units, new.reason, new.created_at)
       is distinct from
       row(old.id, old.position, old.purchase_id, old.user_id, old.merchant_id, old.programme_id, old.currency,
           old.desired_minor, old.amount_minor, old.token_units, old.reason, old.created_at)
       or old.mint_number is not null
       and row(new.mint_number, new.recipient, new.request, new.requested_at)
           is distinct from row(old.mint_number, old.recipient, old.request, old.requested_at)
    then
        raise exception 'cashback % is frozen', old.id using errcode = 'integrity_constraint_violation';
    end if;
    if new.state <> old.state and old.state || '>' || new.state not in (
        'approved>mint_requested', 'mint_requested>minted', 'mint_requested>stuck', 'stuck>minted')
    then
        raise exception 'cashback % cannot go from % to %', old.id, old.state, new.state
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end
$$;
create trigger cashback_frozen before update on ledger.cashback_ledger
    for each row execute function ledger.keep_cashback_frozen();
"""

BOOKS = r"""
-- An account holds what was credited to it less what was debited. Only sources may fall below zero.
create table ledger.accounts (
    id bigint generated always as identity primary key,
    kind text collate "C" not null constraint account_kind_known
        check (kind in ('funding', 'budget', 'approved', 'fx', 'in_flight', 'stuck', 'minted')),
    owner text collate "C" not null,
    currency text collate "C" not null,
    balance bigint not null default 0,
    constraint account_once unique (owner, kind, currency),
    constraint account_of_currency unique (id, currency),
    constraint account_not_overdrawn check (balance >= 0 or kind in ('funding', 'fx'))
) with (fillfactor = 70);

-- A transfer debits one account and credits another of the same currency: no row can be out of balance (I8).
create table ledger.transfers (
    position bigint generated always as identity primary key,
    debit_account bigint not null,
    credit_account bigint not null,
    currency text collate "C" not null,
    amount bigint not null constraint transfer_moves_something check (amount > 0),
    debit_balance_after bigint not null,
    credit_balance_after bigint not null,
    cause text collate "C" not null
        constraint transfer_cause_known
        check (cause in ('funding', 'accrual', 'conversion', 'request', 'mint', 'stuck')),
    cashback_id text collate "C",
    at timestamptz not null,
    constraint transfer_between_two check (debit_account <> credit_account),
    constraint transfer_of_cashback check ((cause = 'funding') = (cashback_id is null)),
    constraint transfer_debit_same_currency
        foreign key (debit_account, currency) references ledger.accounts (id, currency),
    constraint transfer_credit_same_currency
        foreign key (credit_account, currency) references ledger.accounts (id, currency)
);
create index transfer_debits on ledger.transfers (debit_account, position);
create index transfer_credits on ledger.transfers (credit_account, position);

-- The two entries of each transfer, as a statement of one account reads them.
create view ledger.entries as
select debit_account as account_id, position, currency, -amount as amount, debit_balance_after as balance_after,
       cause, cashback_id, at
from ledger.transfers
union all
select credit_account, position, currency, amount, credit_balance_after, cause, cashback_id, at
from ledger.transfers;

create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of %.% stay as they are', tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;
create trigger transfers_immutable before update or delete or truncate on ledger.transfers
    for each statement execute function ledger.refuse_change();
create trigger transitions_immutable before update or delete or truncate on ledger.cashback_transitions
    for each statement execute function ledger.refuse_change();
create trigger decisions_immutable before update or delete or truncate on ledger.decisions
    for each statement execute function ledger.refuse_change();
create trigger programmes_kept before delete or truncate on ledger.programmes
    for each statement execute function ledger.refuse_change();
create trigger rulesets_immutable before update or delete or truncate on ledger.rulesets
    for each statement execute function ledger.refuse_change();
create trigger cashbacks_kept before delete or truncate on ledger.cashback_ledger
    for each statement execute function ledger.refuse_change();
"""

GRANTS = r"""
revoke execute on all functions in schema ledger from public;
grant usage on schema ledger to cashback_api, cashback_ledger, cashback_relay, cashback_auditor;

-- The API decides and accrues; it can neither request a mint nor settle one.
grant select on ledger.programmes, ledger.rulesets, ledger.recipients, ledger.cashback_ledger, ledger.decisions,
    ledger.cashback_transitions, ledger.accounts, ledger.transfers, ledger.entries to cashback_api;
grant insert on ledger.programmes, ledger.rulesets, ledger.decisions, ledger.cashback_transitions, ledger.transfers,
    ledger.outbox_events to cashback_api;
grant insert (id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor, amount_minor, token_units,
    state, reason, traceparent, created_at) on ledger.cashback_ledger to cashback_api;
grant insert (user_id, wallet, linked_at), update (wallet, linked_at, released_at)
    on ledger.recipients to cashback_api;
grant insert (owner, kind, currency), update (balance) on ledger.accounts to cashback_api;

-- The worker moves what was accrued; it can neither grant nor change a wallet.
grant select on ledger.recipients, ledger.cashback_ledger, ledger.accounts, ledger.transfers, ledger.entries,
    ledger.inbox to cashback_ledger;
grant update (state, mint_number, recipient, request, requested_at, reissue_after, reissues, failure,
    transaction_hash, block_number, block_hash, minted_at) on ledger.cashback_ledger to cashback_ledger;
grant update (released_at) on ledger.recipients to cashback_ledger;
grant insert on ledger.cashback_transitions, ledger.transfers, ledger.outbox_events, ledger.inbox to cashback_ledger;
grant insert (owner, kind, currency), update (balance) on ledger.accounts to cashback_ledger;
grant usage on sequence ledger.mint_numbers to cashback_ledger;

grant select on ledger.outbox_events, ledger.outbox_cursors to cashback_relay;
grant update on ledger.outbox_cursors to cashback_relay;
grant execute on function ledger.rotate_outbox to cashback_relay;

grant select on all tables in schema ledger to cashback_auditor;
grant select on sequence ledger.mint_numbers to cashback_auditor;
"""


def upgrade() -> None:
    """Create the schema's tables, its immutability and each role's part in them."""
    run(PROGRAMMES)
    run(CASHBACKS)
    run(BOOKS)
    run(block("outbox_v1", schema="ledger"))
    run(block("inbox_v1", schema="ledger"))
    run(GRANTS)
