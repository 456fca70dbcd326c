"""Numbers that cashbacks had and have no more, and giving such a cashback back."""

from collections.abc import Sequence
from datetime import datetime

from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import RetiredNumber, State, Stuck
from cashback.ledger.store.debts import GIVEN_UP


async def lock(tx: Tx, mint_number: int) -> Stuck | None:
    """Return the cashback that has the number, locked until `tx` ends; None when none has it, or not any more."""
    cursor = await tx.execute(
        """
        select id
        from ledger.cashback_ledger
        where mint_number = %(number)s
        for update
        """,
        {"number": mint_number},
    )
    row = await cursor.fetchone()
    return None if row is None else await _locked(tx, row[0])


async def give_up(tx: Tx, mint_number: int, *, by: str, because: str, at: datetime) -> int:
    """Keep what was requested under the number of a stuck cashback, and who gives it up; return how many that were."""
    cursor = await tx.execute(
        """
        insert into ledger.retired_numbers
            (number, cashback_id, recipient, request, requested_at, requested_units, reversals, reason, person, at)
        select mint_number, id, recipient, request, requested_at, requested_units, reversals, %(because)s, %(by)s,
               %(at)s
        from ledger.cashback_ledger
        where mint_number = %(number)s
          and state = 'stuck'
        """,
        {"number": mint_number, "because": because, "by": by, "at": at},
    )
    return cursor.rowcount


async def approve_again(
    tx: Tx, mint_number: int, *, owed_again: TokenUnits, actor: str, cause: str, at: datetime
) -> int:
    """Make a stuck cashback whose number is given up as if it had never been requested; return how many that were.

    `owed_again` is added to what its user owes for it.
    """
    cursor = await tx.execute(
        """
        with approved as (
            update ledger.cashback_ledger
            set state = 'approved',
                mint_number = null,
                recipient = null,
                request = null,
                requested_at = null,
                requested_units = null,
                reissue_after = null,
                reissues = 0,
                reversals = 0,
                failure = null,
                debt_units = debt_units + %(again)s
            where mint_number = %(number)s
              and state = 'stuck'
            returning id
        )
        insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
        select id, 'stuck', 'approved', %(actor)s, %(cause)s, %(at)s
        from approved
        """,
        {"number": mint_number, "again": owed_again, "actor": actor, "cause": cause, "at": at},
    )
    return cursor.rowcount


async def among(tx: Tx, mint_numbers: Sequence[int]) -> dict[int, int]:
    """Return those of the numbers that were given up, each with how often an outcome of it was taken back before."""
    cursor = await tx.execute(
        """
        select number, reversals
        from ledger.retired_numbers
        where number = any(%(numbers)b::bigint[])
        """,
        {"numbers": list(mint_numbers)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def page(tx: Tx, *, after_number: int, limit: int) -> list[RetiredNumber]:
    """Return numbers that were given up, from the one after `after_number` on, in ascending order."""
    cursor = await tx.execute(
        """
        select retired.number, retired.cashback_id, retired.recipient, retired.requested_units, retired.reason,
               retired.person, retired.at
        from ledger.retired_numbers as retired
        where retired.number > %(after)s
        order by retired.number
        limit %(limit)s
        """,
        {"after": after_number, "limit": limit},
    )
    return [_retired(row) for row in await cursor.fetchall()]


async def _locked(tx: Tx, cashback_id: str) -> Stuck | None:
    """Return a cashback that is locked, with what was given up of it, both as they are now.

    The statement that waits for the lock sees every transfer as of before: what a refund gave up meanwhile is asked
    once it is locked. It is looked for among the debts of its user: an index by cashback would be paid for by every
    posting.
    """
    cursor = await tx.execute(
        f"""
        select id, user_id, programme_id, currency, payable_minor, coalesce(requested_units, 0), mint_number, state,
               failure, net_minor, payable_units, debt_units, grants, coalesce((
                   select sum(raised.amount)
                   from ledger.accounts as debt
                   join ledger.transfers as raised on raised.debit_account = debt.id
                   where debt.owner = cashback.user_id
                     and debt.kind = 'debt'
                     and raised.cashback_id = cashback.id
                     and raised.cause = 'debt'
                     and exists ({GIVEN_UP.format(debt="raised")})), 0)
        from ledger.cashback_ledger as cashback
        where id = %(id)s
        """,
        {"id": cashback_id},
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return Stuck(
        id=row[0],
        user_id=row[1],
        programme_id=row[2],
        currency=row[3],
        amount=Minor(row[4]),
        token_units=TokenUnits(row[5]),
        mint_number=row[6],
        state=State(row[7]),
        failure=row[8],
        net=Minor(row[9]),
        payable_units=TokenUnits(row[10]),
        debt_units=TokenUnits(row[11]),
        grants=row[12],
        forgiven_units=TokenUnits(int(row[13])),
    )


def _retired(row: TupleRow) -> RetiredNumber:
    """Return one row as a number that was given up."""
    return RetiredNumber(
        number=row[0],
        cashback_id=row[1],
        recipient=row[2],
        token_units=TokenUnits(row[3]),
        reason=row[4],
        person=row[5],
        at=row[6],
    )
