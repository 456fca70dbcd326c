-- One purchase as pgbench records it: one statement, one round trip, one transaction, and the rows that
-- `Purchases.record` leaves. What stands in braces is filled in by pgbench.py; the documents come as variables.
\set account random(:first_account, :last_account)
\set serial random(1000000000000, 9999999999999)
\set purchases_lane random(0, 3)
\set ledger_lane random(0, 3)
\set clock :clock + 1
with locked as materialized (
    select {locks}
),
debit as (
    update ledger.accounts
    set balance = balance - :amount
    from locked
    where id = {budget}
    returning id, balance
),
credit as (
    update ledger.accounts
    set balance = balance + :amount
    where id = :account
    returning id, balance, owner
),
reserved as (
    insert into purchases.idempotency_keys (owner, key, fingerprint, answer, resource, created_at)
    values ('operator', 'pgbench-' || :clock::text || '-' || :serial::text, :fingerprint::bytea, :answer::bytea,
            'pur_' || :clock::text || :serial::text, now())
),
bought as (
    insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at,
                                     received_at, created_at)
    select 'pur_' || :clock::text || :serial::text, :merchant::text, owner, 'order ' || :clock::text || :serial::text, 1999, 'USD', now(), now(), now()
    from credit
),
granted as (
    insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor,
                                        amount_minor, token_units, state, reason, traceparent, created_at, net_minor,
                                        payable_minor, payable_units, approved_at, grants)
    select 'cb_' || :clock::text || :serial::text, 'pur_' || :clock::text || :serial::text, owner, :merchant::text, :programme::text, 'USD',
           :amount::bigint, :amount::bigint, :amount::bigint * 10000, 'approved', 'granted', :traceparent::text, now(),
           :amount::bigint, :amount::bigint, :amount::bigint * 10000, now(), :grants::bytea
    from credit
),
decided as (
    insert into ledger.decisions (cashback_id, document)
    values ('cb_' || :clock::text || :serial::text, :document::bytea)
),
began as (
    insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
    values ('cb_' || :clock::text || :serial::text, null, 'approved', 'ledger', 'granted', now())
),
posted as (
    insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                  credit_balance_after, cause, cashback_id, at)
    select debit.id, credit.id, 'USD', :amount::bigint, debit.balance, credit.balance, 'accrual',
           'cb_' || :clock::text || :serial::text, now()
    from debit
    cross join credit
),
created as (
    insert into purchases.outbox_events (event_id, partition, type, source, key, time, data, traceparent)
    select 'evt_' || :clock::text || :serial::text, :purchases_lane::smallint, 'purchase.created', '/cashback/purchases',
           'pur_' || :clock::text || :serial::text, now(), :created::bytea, :traceparent::text
    from locked
)
insert into ledger.outbox_events (event_id, partition, type, source, key, time, data, traceparent)
select 'evt_' || :clock::text || :serial::text, :ledger_lane::smallint, 'cashback.approved', '/cashback/ledger',
       'cb_' || :clock::text || :serial::text, now(), :approved::bytea, :traceparent::text
from locked;
