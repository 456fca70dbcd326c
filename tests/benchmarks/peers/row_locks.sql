-- One transfer a call, as ledgers in PostgreSQL usually do it: lock both accounts in one order, move, write it down.
-- The tables are ours as they stand, indexes and checks and all; that both accounts exist is proved by foreign keys.
create schema bench;

create table bench.accounts (like ledger.accounts including all) with (fillfactor = 70);
insert into bench.accounts overriding system value
select *
from ledger.accounts
where owner like '%bench%'
order by id;

create table bench.transfers (
    like ledger.transfers including all,
    foreign key (debit_account) references bench.accounts,
    foreign key (credit_account) references bench.accounts
);
create table bench.opened as
select id, balance
from bench.accounts;
analyze bench.accounts;

create function bench.create_transfer(from_account bigint, to_account bigint, moved bigint) returns bigint
language plpgsql as $$
declare
    from_after bigint;
    to_after bigint;
    given bigint;
begin
    perform from bench.accounts where id in (from_account, to_account) order by id for update;
    update bench.accounts set balance = balance - moved where id = from_account returning balance into from_after;
    update bench.accounts set balance = balance + moved where id = to_account returning balance into to_after;
    insert into bench.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                 credit_balance_after, cause, cashback_id, at)
    values (from_account, to_account, 'USD', moved, from_after, to_after, 'accrual', 'cb_bench', clock_timestamp())
    returning position into given;
    return given;
end
$$;
