"""Purchases: who may call, who buys where, what was bought, and which command was answered how."""

from cashback.kernel.migrations import block, run

revision = "0001"
down_revision = None

PEOPLE = r"""
create table purchases.merchants (
    id text collate "C" primary key constraint merchant_id_shaped check (id like 'mer\_%'),
    name text not null constraint merchant_name_bounded check (length(name) between 1 and 200),
    is_active boolean not null default true,
    created_at timestamptz not null
);

-- Users belong to the operator; `reference` is the operator's own name for them.
create table purchases.users (
    id text collate "C" primary key constraint user_id_shaped check (id like 'usr\_%'),
    reference text constraint user_reference_bounded check (length(reference) between 1 and 200),
    is_blocked boolean not null default false,
    created_at timestamptz not null
);
create index user_by_reference on purchases.users (reference) where reference is not null;

-- Every wallet a user ever had; the newest is the one in use.
create table purchases.wallets (
    position bigint generated always as identity,
    user_id text collate "C" not null references purchases.users,
    address text collate "C" not null
        constraint wallet_shaped check (address ~ '^0x[0-9a-fA-F]{40}$')
        constraint wallet_not_zero check (address !~ '^0x0{40}$'),
    linked_at timestamptz not null,
    primary key (user_id, position)
);

-- A key's secret is shown once and stored as an HMAC under a pepper that is not in this database.
create table purchases.api_keys (
    id text collate "C" primary key constraint key_id_shaped check (id like 'key\_%'),
    secret_hmac bytea not null constraint key_hmac_whole check (octet_length(secret_hmac) = 32),
    scope text collate "C" not null constraint key_scope_known check (scope in ('operator', 'merchant')),
    merchant_id text collate "C" references purchases.merchants,
    label text not null constraint key_label_bounded check (length(label) between 1 and 200),
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint key_scope_whole check ((scope = 'merchant') = (merchant_id is not null))
);
create index key_of_merchant on purchases.api_keys (merchant_id);
"""

PURCHASES = r"""
-- Merchant and user are looked up in the transaction that inserts, and neither can ever be deleted; foreign keys would
-- lock both rows for every purchase, a fifth of what the database spends on recording one.
create table purchases.purchases (
    id text collate "C" primary key constraint purchase_id_shaped check (id like 'pur\_%'),
    merchant_id text collate "C" not null,
    user_id text collate "C" not null,
    reference text constraint purchase_reference_bounded check (length(reference) between 1 and 200),
    amount_minor bigint not null constraint purchase_amount_not_negative check (amount_minor >= 0),
    currency text collate "C" not null constraint purchase_currency_shaped check (currency ~ '^[A-Z]{3}$'),
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    created_at timestamptz not null
);

-- One row per command ever accepted, kept for ever: the same key and content give the same answer.
-- The row is inserted before the work and gets its answer in the same transaction: room is left to do it in place.
create table purchases.idempotency_keys (
    owner text collate "C" not null,
    key text collate "C" not null constraint idempotency_key_bounded check (length(key) between 1 and 255),
    fingerprint bytea not null constraint idempotency_fingerprint_whole check (octet_length(fingerprint) = 32),
    answer bytea constraint idempotency_answer_bounded check (octet_length(answer) between 2 and 65536),
    created_at timestamptz not null,
    primary key (owner, key)
) with (fillfactor = 80);

create function purchases.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of %.% stay as they are', tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;
create trigger purchases_immutable before update or delete or truncate on purchases.purchases
    for each statement execute function purchases.refuse_change();
create trigger merchants_kept before delete or truncate on purchases.merchants
    for each statement execute function purchases.refuse_change();
create trigger users_kept before delete or truncate on purchases.users
    for each statement execute function purchases.refuse_change();
create trigger wallets_immutable before update or delete or truncate on purchases.wallets
    for each statement execute function purchases.refuse_change();
"""

GRANTS = r"""
revoke execute on all functions in schema purchases from public;
grant usage on schema purchases to cashback_api, cashback_relay, cashback_auditor;

grant select on purchases.merchants, purchases.users, purchases.wallets, purchases.api_keys, purchases.purchases,
    purchases.idempotency_keys to cashback_api;
grant insert on purchases.merchants, purchases.users, purchases.wallets, purchases.api_keys, purchases.purchases,
    purchases.idempotency_keys, purchases.outbox_events to cashback_api;
grant update (answer) on purchases.idempotency_keys to cashback_api;
grant update (revoked_at) on purchases.api_keys to cashback_api;
grant update (is_active) on purchases.merchants to cashback_api;
grant update (is_blocked) on purchases.users to cashback_api;

grant select on purchases.outbox_events, purchases.outbox_cursors to cashback_relay;
grant update on purchases.outbox_cursors to cashback_relay;
grant execute on function purchases.rotate_outbox to cashback_relay;

grant select on all tables in schema purchases to cashback_auditor;
revoke select on purchases.api_keys from cashback_auditor;
grant select (id, scope, merchant_id, label, created_at, revoked_at) on purchases.api_keys to cashback_auditor;
"""


def upgrade() -> None:
    """Create the schema's tables and each role's part in them."""
    run(PEOPLE)
    run(PURCHASES)
    run(block("outbox_v1", schema="purchases"))
    run(GRANTS)
