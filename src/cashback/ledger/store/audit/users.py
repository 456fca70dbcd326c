"""Questions about what each user was granted, and what became of it."""

from typing import Final

ACCRUED: Final = """
    select user_id || '/' || currency, coalesce(accrued, 0), coalesce(stands, 0)
    from (
        select owner as user_id, account.currency, sum(transfer.amount) as accrued
        from moved as transfer
        join ledger.accounts as account on account.id = transfer.credit_account
        where cause = 'accrual'
        group by owner, account.currency
    ) as books
    full join (
        select user_id, currency, sum(amount_minor) as stands
        from ledger.cashback_ledger
        where amount_minor > 0
        group by user_id, currency
    ) as cashbacks using (user_id, currency)
    where coalesce(accrued, 0) <> coalesce(stands, 0)
"""
"""What was ever accrued, beside what their cashbacks were granted."""

RETURNED: Final = """
    select user_id || '/' || currency, coalesce(stands, 0), coalesce(returned, 0)
    from (
        select user_id, currency, sum(amount_minor - payable_minor) as stands
        from ledger.cashback_ledger
        where amount_minor > 0
        group by user_id, currency
    ) as cashbacks
    full join (
        select account.owner as user_id, account.currency, sum(transfer.amount) as returned
        from moved as transfer
        join ledger.accounts as account on account.id = transfer.debit_account
        where transfer.cause in ('void', 'refund', 'expiry')
        group by account.owner, account.currency
    ) as books using (user_id, currency)
    where coalesce(stands, 0) <> coalesce(returned, 0)
"""
"""What went back to budgets, beside what their cashbacks no longer pay."""

CONVERTED: Final = """
    select user_id, coalesce(converted, 0), coalesce(netted, 0) + coalesce(held, 0)
    from (
        select user_id, sum(case when state = 'netted' or mint_number is not null then payable_units
                                 else netted_units end) as converted
        from ledger.cashback_ledger
        group by user_id
    ) as cashbacks
    full join (
        select owner as user_id, sum(balance) filter (where kind in ('in_flight', 'stuck', 'minted')) as held
        from ledger.accounts
        where kind in ('in_flight', 'stuck', 'minted')
        group by owner
    ) as books using (user_id)
    full join (
        select account.owner as user_id, sum(transfer.amount) as netted
        from moved as transfer
        join ledger.accounts as account on account.id = transfer.credit_account
        where transfer.cause = 'netting'
        group by account.owner
    ) as kept using (user_id)
    where coalesce(converted, 0) <> coalesce(netted, 0) + coalesce(held, 0)
"""
"""What their cashbacks were converted into, beside what is held and what was kept."""
