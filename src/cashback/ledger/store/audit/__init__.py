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
from cashback.ledger.store.audit import cashbacks, debts, programmes, users
from cashback.ledger.store.supply import MISBOOKED

WORK_MEM: Final = "64MB"
"""Sums of all users, and cashbacks beside them, fit no default of a server."""

_QUESTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("I8", "currency_unbalanced"): programmes.CURRENCIES,
    ("I8", "balance_unproved"): entries.BALANCES,
    ("I8", "entry_discontinuous"): entries.CONTINUITY,
    ("I1", "granted_unaccounted"): users.ACCRUED,
    ("I1", "state_unbooked"): cashbacks.STATES,
    ("I1", "budget_unaccounted"): programmes.BUDGETS,
    ("I1", "cost_unbooked"): programmes.COSTS,
    ("I1", "granted_not_whole"): entries.GRANTED,
    ("I1", "tokens_not_whole"): users.CONVERTED,
    ("I1", "returned_unbooked"): users.RETURNED,
    ("I1", "netting_unbooked"): debts.NETTED,
    ("I1", "debt_unbooked"): debts.RAISED,
    ("I1", "debt_not_whole"): entries.DEBTS,
    ("I1", "write_off_unbooked"): debts.GIVEN_UP,
    ("I10", "supply_misbooked"): MISBOOKED,
    ("I1", "history_disagrees"): cashbacks.HISTORIES,
    ("I1", "grants_contradict"): cashbacks.DOCUMENTS,
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
