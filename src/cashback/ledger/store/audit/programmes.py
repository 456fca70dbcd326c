"""Questions about currencies and programmes: whole sums, budgets and costs."""

from typing import Final

CURRENCIES: Final = """
    select currency, 0, sum(balance)
    from ledger.accounts
    group by currency
    having sum(balance) <> 0
"""
"""All accounts of a currency together come to nothing."""

BUDGETS: Final = """
    select programme_id, coalesce(funded, 0), coalesce(remains, 0) + coalesce(payable, 0)
    from (
        select coalesce(campaign.programme_id, account.owner) as programme_id,
               -sum(balance) filter (where kind = 'funding') as funded,
               sum(balance) filter (where kind = 'budget') as remains
        from ledger.accounts as account
        left join ledger.campaigns as campaign on campaign.id = account.owner
        where kind in ('funding', 'budget')
        group by 1
    ) as budgets
    full join (
        select programme_id, sum(payable_minor) as payable
        from ledger.cashback_ledger
        where amount_minor > 0
        group by programme_id
    ) as granted using (programme_id)
    where coalesce(funded, 0) <> coalesce(remains, 0) + coalesce(payable, 0)
"""
"""What budgets were funded with is left, or was granted and not given back."""

COSTS: Final = """
    select owner || '/' || currency, coalesce(expected, 0), coalesce(balance, 0)
    from (
        select programme_id as owner, currency, sum(payable_minor) as expected
        from ledger.cashback_ledger
        where mint_number is not null
           or state = 'netted'
        group by programme_id, currency
        union all
        select programme_id, %(token)s, -sum(coalesce(requested_units, 0) + netted_units)
        from ledger.cashback_ledger
        where mint_number is not null
           or netted_units > 0
        group by programme_id
    ) as cashbacks
    full join (
        select owner, currency, balance
        from ledger.accounts
        where kind = 'fx'
    ) as books using (owner, currency)
    where coalesce(expected, 0) <> coalesce(balance, 0)
"""
"""What a programme's requests came to, beside its fx accounts."""
