"""What all entries come to: summed up once for whoever asks of the whole, and held against the accounts.

    ledger.transfers ──once──▶ moved: two accounts, cause, sum ──▶ BALANCES, GRANTED, DEBTS and what `store.audit` asks
                     └─in the order of each account──▶ balance after = the one before it + amount: CONTINUITY

`moved` has as many rows as there are pairs of accounts with something between them, by cause: a few for each user.
"""

from typing import Final

from cashback.kernel.db import Tx

_ENTERED: Final = """
    select debit_account as account_id, cause, -amount as amount
    from moved
    union all
    select credit_account, cause, amount
    from moved
"""

BALANCES: Final = f"""
    select owner || '/' || kind || '/' || currency, coalesce(entered.amount, 0), balance
    from ledger.accounts as account
    left join (
        select account_id, sum(amount) as amount
        from ({_ENTERED}) as entry
        group by account_id
    ) as entered on entered.account_id = account.id
    where coalesce(entered.amount, 0) <> balance
"""

# One step is cheaper than a running sum, and goes wrong in the accounts in which that does; only those are summed up.
# What 64 bits might not hold is not computed for it. `offset 0` keeps the indexes out: to sort what was read in the
# order of the disk takes half the work of reading it in the order of the accounts.
CONTINUITY: Final = f"""
    with broken as materialized (
        select distinct account_id
        from (
            select account_id, amount, balance_after,
                   lag(balance_after, 1, 0::bigint) over (partition by account_id order by position) as before
            from (
                select account_id, position, amount, balance_after
                from ledger.entries
                offset 0
            ) as unordered
        ) as entry
        where case
                  when balance_after between {-(2**62)} and {2**62} and amount between {-(2**62)} and {2**62}
                  then balance_after - amount <> before
                  else true
              end
    )
    select account_id || '@' || position, computed, balance_after
    from broken
    cross join lateral (
        select position, balance_after, sum(amount) over (order by position) as computed
        from ledger.entries
        where entries.account_id = broken.account_id
    ) as entry
    where computed <> balance_after
"""

GRANTED: Final = f"""
    select owner || '/' || currency, granted, accounted
    from (
        select owner, currency, coalesce(sum(accrued), 0) as granted,
               coalesce(-sum(returned), 0) + coalesce(-sum(converted), 0) + sum(balance) as accounted
        from ledger.accounts as account
        join (
            select account_id, sum(amount) filter (where cause = 'accrual') as accrued,
                   sum(amount) filter (where cause in ('void', 'refund', 'expiry')) as returned,
                   sum(amount) filter (where cause in ('conversion', 'reconversion')) as converted
            from ({_ENTERED}) as entry
            group by account_id
        ) as entered on entered.account_id = account.id
        where account.kind in ('pending', 'approved')
        group by owner, currency
    ) as whole
    where granted <> accounted
"""

DEBTS: Final = f"""
    select owner, raised, ended - balance
    from (
        select account.owner, account.balance,
               coalesce(-sum(entry.amount) filter (where cause = 'debt'), 0) as raised,
               coalesce(sum(entry.amount) filter (where cause in ('netting', 'write_off')), 0) as ended
        from ledger.accounts as account
        left join ({_ENTERED}) as entry on entry.account_id = account.id
        where account.kind = 'debt'
        group by account.id
    ) as debts
    where raised <> ended - balance
"""


async def sum_up(tx: Tx) -> None:
    """Make the temporary table `moved`, what all transfers come to by their two accounts and cause; gone with `tx`."""
    await tx.execute(
        """
        create temporary table moved on commit drop as
        select debit_account, credit_account, cause, sum(amount) as amount
        from ledger.transfers
        group by debit_account, credit_account, cause
        """
    )
    await tx.execute("analyze moved")
