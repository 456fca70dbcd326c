"""Whether transfers are between accounts of their currency is looked at once a statement, not twice a row.

Accounts never go, and neither number nor currency of one ever changes: what was found is so for ever, and no row of the
accounts has to be locked for it, as a foreign key would. ADR 0041 has the figures.
"""

from cashback.kernel.migrations import run

revision = "0021"
down_revision = "0020"

# Whoever posts locks accounts before anything else: locked first and as a whole, they are waited for without a circle.
ACCOUNTS_STAY = r"""
lock table ledger.accounts in access exclusive mode;
create trigger accounts_kept before delete or truncate on ledger.accounts
    for each statement execute function ledger.refuse_change();
create trigger accounts_keep_number_and_currency before update of id, currency on ledger.accounts
    for each statement execute function ledger.refuse_change();
"""

# A plan is kept by each connection: one that was made while there were few accounts must not read them all for ever.
# The rows seen are those that the foreign keys saw: committed, or of this transaction.
LOOKED_UP = r"""
create function ledger.keep_transfers_between_accounts() returns trigger language plpgsql
set enable_seqscan = off as $$
declare
    side text;
begin
    select case when is_debit_wrong then 'debit' else 'credit' end
    into side
    from (
        select (select currency from ledger.accounts where id = added.debit_account)
                   is distinct from added.currency as is_debit_wrong,
               (select currency from ledger.accounts where id = added.credit_account)
                   is distinct from added.currency as is_credit_wrong
        from added
    ) as looked_up
    where is_debit_wrong or is_credit_wrong
    limit 1;
    if found then
        raise exception 'a transfer is not between two accounts of its currency'
            using errcode = 'foreign_key_violation', constraint = format('transfer_%s_same_currency', side),
                  schema = tg_table_schema, table = tg_table_name;
    end if;
    return null;
end
$$;
revoke execute on function ledger.keep_transfers_between_accounts from public;
create trigger transfer_between_accounts after insert on ledger.transfers
    referencing new table as added
    for each statement execute function ledger.keep_transfers_between_accounts();
"""

# The second unique key of the accounts was there for the foreign keys alone.
KEYS = r"""
alter table ledger.transfers
    drop constraint transfer_debit_same_currency,
    drop constraint transfer_credit_same_currency;
alter table ledger.accounts drop constraint account_of_currency;
"""


def upgrade() -> None:
    """Keep accounts, have each statement's transfers looked up, and only then drop the foreign keys."""
    run(ACCOUNTS_STAY)
    run(LOOKED_UP)
    run(KEYS)
