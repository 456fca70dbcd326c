"""What must add up in the ledger, each as one question whose answer is the list of exceptions.

| kind                  | invariant | of      | what must be equal                                                     |
|-----------------------|-----------|---------|------------------------------------------------------------------------|
| `currency_unbalanced` | I8        | all     | all accounts of a currency together, and 0                             |
| `balance_unproved`    | I8        | account | its balance, and the sum of its entries                                |
| `entry_discontinuous` | I8        | account | each entry's balance after, and the one before it plus its amount      |
| `granted_unaccounted` | I1        | user    | what was ever accrued, and what their cashbacks were granted           |
| `state_unbooked`      | I1        | user    | the cashbacks in a state, and the account of that state                |
| `budget_unaccounted`  | I1        | all     | what budgets were funded with, and left + granted and not given back   |
| `cost_unbooked`       | I1        | all     | what a programme's requests came to, and its fx accounts               |
| `history_disagrees`   | I1        | cashback| its state, and where its last transition led                           |

Each question reads everything there is, every time: measured at 100,000 cashbacks in 400,000 transfers, all in memory,
two seconds for all eight, of which the order of the entries takes one. The last question looks each cashback up in an
index, which was faster than any join.
"""

from collections.abc import Mapping
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model import Difference

_QUESTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("I8", "currency_unbalanced"): """
        select currency, 0, sum(balance)
        from ledger.accounts
        group by currency
        having sum(balance) <> 0
    """,
    ("I8", "balance_unproved"): """
        select owner || '/' || kind || '/' || currency, coalesce(entered.amount, 0), balance
        from ledger.accounts as account
        left join (
            select account_id, sum(amount) as amount
            from ledger.entries
            group by account_id
        ) as entered on entered.account_id = account.id
        where coalesce(entered.amount, 0) <> balance
    """,
    ("I8", "entry_discontinuous"): """
        select account_id || '@' || position, computed, balance_after
        from (
            select account_id, position, balance_after,
                   sum(amount) over (partition by account_id order by position) as computed
            from ledger.entries
        ) as entry
        where computed <> balance_after
    """,
    ("I1", "granted_unaccounted"): """
        select user_id || '/' || currency, coalesce(accrued, 0), coalesce(stands, 0)
        from (
            select owner as user_id, account.currency, sum(transfer.amount) as accrued
            from ledger.transfers as transfer
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
    """,
    ("I1", "state_unbooked"): """
        select owner || '/' || kind || '/' || currency, coalesce(stands, 0), coalesce(balance, 0)
        from (
            select user_id as owner,
                   case state
                       when 'review' then 'pending'
                       when 'mint_requested' then 'in_flight'
                       when 'reversed' then 'minted'
                       else state
                   end as kind,
                   case when requested_units is null then currency else %(token)s end as currency,
                   sum(coalesce(requested_units, payable_minor)) as stands
            from ledger.cashback_ledger
            where state in ('pending', 'review', 'approved', 'mint_requested', 'stuck', 'minted', 'reversed')
            group by 1, 2, 3
        ) as cashbacks
        full join (
            select owner, kind, currency, balance
            from ledger.accounts
            where kind in ('pending', 'approved', 'in_flight', 'stuck', 'minted')
        ) as books using (owner, kind, currency)
        where coalesce(stands, 0) <> coalesce(balance, 0)
    """,
    ("I1", "budget_unaccounted"): """
        select programme_id, coalesce(funded, 0), coalesce(remains, 0) + coalesce(payable, 0)
        from (
            select campaign.programme_id,
                   -sum(balance) filter (where kind = 'funding') as funded,
                   sum(balance) filter (where kind = 'budget') as remains
            from ledger.accounts as account
            join ledger.campaigns as campaign on campaign.id = account.owner
            where kind in ('funding', 'budget')
            group by campaign.programme_id
        ) as budgets
        full join (
            select programme_id, sum(payable_minor) as payable
            from ledger.cashback_ledger
            where amount_minor > 0
            group by programme_id
        ) as granted using (programme_id)
        where coalesce(funded, 0) <> coalesce(remains, 0) + coalesce(payable, 0)
    """,
    ("I1", "cost_unbooked"): """
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
    """,
    ("I1", "history_disagrees"): """
        select cashback.id || ' is ' || cashback.state || ', not ' || coalesce(last.to_state, 'nothing'), 1, 0
        from ledger.cashback_ledger as cashback
        left join lateral (
            select to_state
            from ledger.cashback_transitions
            where cashback_id = cashback.id
            order by position desc
            limit 1
        ) as last on true
        where cashback.state is distinct from last.to_state
    """,
}


async def differences(tx: Tx, *, token: str, limit: int) -> list[Difference]:
    """Return what does not add up, at most `limit` of each kind; nothing when all is well.

    The caller's `tx` must allow a question as long as it takes: see `kernel.db.long_statements`.
    """
    found = []
    for (invariant, kind), question in _QUESTIONS.items():
        cursor = await tx.execute(
            f"""
            select question.*
            from ({question}) as question
            limit %(limit)s
            """,
            {"token": token, "limit": limit},
        )
        found += [
            Difference(invariant=invariant, kind=kind, place=row[0], expected=int(row[1]), found=int(row[2]))
            for row in await cursor.fetchall()
        ]
    return found
