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
| `granted_not_whole`   | I1        | user    | what was accrued, and returned + expired + waiting + converted         |
| `tokens_not_whole`    | I1        | user    | what it was converted into, and netted + in flight + stuck + minted    |
| `returned_unbooked`   | I1        | user    | what went back to budgets, and what cashbacks no longer pay            |
| `netting_unbooked`    | I1        | user    | what was kept against debt, and what cashbacks gave for it             |
| `debt_unbooked`       | I1        | user    | the debt that was raised, and what cashbacks made users owe            |
| `debt_not_whole`      | I1        | user    | the debt that was raised, and open + netted + written off              |
| `write_off_unbooked`  | I1        | user    | the debt given up in a programme, and what somebody gave up there, why |
| `history_disagrees`   | I1        | cashback | its state, and where its last transition led                          |
| `grants_contradict`   | I1        | cashback | what it was granted, and what its document says was paid              |

All transfers are summed up once, into `moved` (`store.entries`), from which nine questions are answered; only the
balances after the entries need these themselves, in their order. All questions are asked of one moment, one after the
other, and each node of their plans holds at most twice `WORK_MEM`: the rest is on disk.
"""

from collections.abc import Mapping
from typing import Final

from cashback.kernel.db import Tx
from cashback.ledger.model import Difference
from cashback.ledger.store import entries
from cashback.ledger.store.supply import MISBOOKED

WORK_MEM: Final = "64MB"
"""Sums of all users, and cashbacks beside them, fit no default of a server."""

_OF_DEBT: Final = """
        select user_id, coalesce(stands, 0), coalesce(booked, 0)
        from (
            select user_id, sum({units}) as stands
            from ledger.cashback_ledger
            where {units} > 0
            group by user_id
        ) as cashbacks
        full join (
            select account.owner as user_id, sum(transfer.amount) as booked
            from moved as transfer
            join ledger.accounts as account on account.id = transfer.{side}_account
            where transfer.cause = '{cause}'
            group by account.owner
        ) as books using (user_id)
        where coalesce(stands, 0) <> coalesce(booked, 0)
"""
"""What cashbacks say of their users' debts, beside the books."""

_QUESTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("I8", "currency_unbalanced"): """
        select currency, 0, sum(balance)
        from ledger.accounts
        group by currency
        having sum(balance) <> 0
    """,
    ("I8", "balance_unproved"): entries.BALANCES,
    ("I8", "entry_discontinuous"): entries.CONTINUITY,
    ("I1", "granted_unaccounted"): """
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
    ("I1", "granted_not_whole"): entries.GRANTED,
    ("I1", "tokens_not_whole"): """
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
    """,
    ("I1", "returned_unbooked"): """
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
    """,
    ("I1", "netting_unbooked"): _OF_DEBT.format(units="netted_units", side="credit", cause="netting"),
    ("I1", "debt_unbooked"): _OF_DEBT.format(units="debt_units", side="debit", cause="debt"),
    ("I1", "debt_not_whole"): entries.DEBTS,
    ("I1", "write_off_unbooked"): """
        select user_id || '/' || programme_id, coalesce(told, 0), coalesce(booked, 0)
        from (
            select user_id, programme_id, sum(token_units) as told
            from ledger.write_offs
            group by user_id, programme_id
        ) as people
        full join (
            select owing.owner as user_id, giving.owner as programme_id, sum(transfer.amount) as booked
            from moved as transfer
            join ledger.accounts as owing on owing.id = transfer.credit_account
            join ledger.accounts as giving on giving.id = transfer.debit_account
            where transfer.cause = 'write_off'
            group by owing.owner, giving.owner
        ) as books using (user_id, programme_id)
        where coalesce(told, 0) <> coalesce(booked, 0)
    """,
    ("I10", "supply_misbooked"): MISBOOKED,
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
    # Whoever is to have money back is read from the document: one that does not add up stops its cashback's end. A line
    # is its base and its shares, or, as it was written before, an object with campaigns and what each paid.
    ("I1", "grants_contradict"): """
        select id, amount_minor, granted
        from (
            select id, amount_minor, coalesce((
                select sum(coalesce(paid ->> 1, paid #>> '{}')::numeric)
                from jsonb_array_elements(convert_from(grants, 'UTF8')::jsonb -> 'lines') as line
                cross join jsonb_array_elements(coalesce(line -> 'grants', line -> 1)) as paid), 0) as granted
            from ledger.cashback_ledger
            where amount_minor > 0
        ) as documents
        where granted <> amount_minor
    """,
}


async def differences(tx: Tx, *, token: str, limit: int) -> list[Difference]:
    """Return what does not add up, at most `limit` of each kind; nothing when all is well.

    The caller's `tx` must see one moment, `see_one_moment`, must allow a question as long as it takes, see
    `kernel.db.long_statements`, and may make temporary tables.
    """
    await tx.execute(f"set local work_mem = '{WORK_MEM}'")
    await entries.sum_up(tx)
    found = []
    for (invariant, kind), question in _QUESTIONS.items():
        # Planned for all of its rows: for the first few a plan would be chosen that finds the first soon, and the last,
        # or that there is none, late.
        cursor = await tx.execute(
            f"""
            with question as materialized ({question})
            select *
            from question
            limit %(limit)s
            """,
            {"token": token, "limit": limit},
        )
        found += [
            Difference(invariant=invariant, kind=kind, place=row[0], expected=int(row[1]), found=int(row[2]))
            for row in await cursor.fetchall()
        ]
    return found


async def see_one_moment(tx: Tx) -> None:
    """Have all statements of `tx` see what its first one sees; it is to be the first thing that `tx` does."""
    await tx.execute("set transaction isolation level repeatable read")
