-- One transfer a call, as ledgers in PostgreSQL usually do it: lock both accounts in one order, move, write it down.
create schema bench;

create function bench.create_transfer(from_account bigint, to_account bigint, moved bigint) returns bigint
language plpgsql as $$
declare
    from_after bigint;
    to_after bigint;
    given bigint;
begin
    perform from ledger.accounts where id in (from_account, to_account) order by id for update;
    update ledger.accounts set balance = balance - moved where id = from_account returning balance into from_after;
    update ledger.accounts set balance = balance + moved where id = to_account returning balance into to_after;
    insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
                                  credit_balance_after, cause, cashback_id, at)
    values (from_account, to_account, 'USD', moved, from_after, to_after, 'accrual', 'cb_bench', clock_timestamp())
    returning position into given;
    return given;
end
$$;
