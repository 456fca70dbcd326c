"""What others may read of cashbacks."""

from collections.abc import Sequence
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model import Cashback, Reason, State, Sum, Transition
from cashback.ledger.model.balances import StateSums

_SELECT: Final = """
    select cashback.id, purchase_id, user_id, merchant_id, programme_id, currency, desired_minor, amount_minor,
           token_units, state, reason, document, created_at, mint_number, recipient, requested_at, reissues, failure,
           transaction_hash, block_number, block_hash, minted_at, net_minor, requested_units, adjustment_id,
           given.because
    from ledger.cashback_ledger as cashback
    left join lateral (
        select document
        from ledger.decisions
        where decisions.cashback_id = cashback.id
        order by sequence desc
        limit 1
    ) as decision on true
    left join lateral (
        select reason as because
        from ledger.adjustments
        where id = adjustment_id
    ) as given on true
"""


async def by_id(tx: Tx, cashback_id: str) -> Cashback | None:
    """Return one cashback, or None when there is none."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where cashback.id = %(id)s
        """,
        {"id": cashback_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _cashback(row)


async def by_ids(tx: Tx, cashback_ids: Sequence[str]) -> list[Cashback]:
    """Return the cashbacks of those ids, in no particular order."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where cashback.id = any(%(ids)b::text[])
        """,
        {"ids": list(cashback_ids)},
    )
    return [_cashback(row) for row in await cursor.fetchall()]


async def by_purchases(tx: Tx, purchase_ids: Sequence[str]) -> list[Cashback]:
    """Return the cashbacks of those purchases, in no particular order."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where purchase_id = any(%(ids)b::text[])
        """,
        {"ids": list(purchase_ids)},
    )
    return [_cashback(row) for row in await cursor.fetchall()]


async def by_numbers(tx: Tx, *, after_number: int, limit: int) -> list[Cashback]:
    """Return cashbacks whose mint was requested, by number, from the one after `after_number` on."""
    cursor = await tx.execute(
        f"""
        {_SELECT}
        where mint_number > %(after)s
        order by mint_number
        limit %(limit)s
        """,
        {"after": after_number, "limit": limit},
    )
    return [_cashback(row) for row in await cursor.fetchall()]


async def transitions(tx: Tx, cashback_id: str) -> list[Transition]:
    """Return the steps of one cashback's life, first to last."""
    cursor = await tx.execute(
        """
        select from_state, to_state, actor, cause, at
        from ledger.cashback_transitions
        where cashback_id = %(id)s
        order by position
        """,
        {"id": cashback_id},
    )
    return [
        Transition(
            from_state=None if row[0] is None else State(row[0]),
            to_state=State(row[1]),
            actor=row[2],
            cause=row[3],
            at=row[4],
        )
        for row in await cursor.fetchall()
    ]


async def state_sums_of_user(tx: Tx, user_id: str) -> dict[tuple[str, State], StateSums]:
    """Return what a user's cashbacks come to, per currency and state; what was granted nothing is left out."""
    cursor = await tx.execute(
        """
        select currency, state, count(*), sum(amount_minor)::bigint, sum(token_units)::bigint,
               sum(payable_minor)::bigint, sum(payable_units)::bigint,
               sum(least(netted_units, payable_units))::bigint
        from ledger.cashback_ledger
        where user_id = %(user)s
          and amount_minor > 0
        group by currency, state
        """,
        {"user": user_id},
    )
    return {
        (row[0], State(row[1])): StateSums(
            cashbacks=row[2],
            amount=Minor(row[3]),
            token_units=TokenUnits(row[4]),
            payable=Minor(row[5]),
            payable_units=TokenUnits(row[6]),
            netted_units=TokenUnits(row[7]),
        )
        for row in await cursor.fetchall()
    }


async def sums(tx: Tx) -> dict[State, Sum]:
    """Return what all cashbacks come to, per state, in tokens: money of different currencies is not added up.

    Of those that were requested it is what was requested.
    """
    cursor = await tx.execute(
        """
        select state, count(*), sum(coalesce(requested_units, token_units))::bigint
        from ledger.cashback_ledger
        group by state
        """
    )
    return {State(row[0]): Sum(row[1], Minor(0), TokenUnits(row[2])) for row in await cursor.fetchall()}


async def wallet_of(tx: Tx, user_id: str) -> str | None:
    """Return where a user's tokens go from now on, or None when there is no wallet."""
    cursor = await tx.execute(
        """
        select wallet
        from ledger.recipients
        where user_id = %(user)s
        """,
        {"user": user_id},
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


def _cashback(row: tuple[Any, ...]) -> Cashback:
    """Return one row of `_SELECT` as a cashback."""
    return Cashback(
        id=row[0],
        purchase_id=row[1],
        user_id=row[2],
        merchant_id=row[3],
        programme_id=row[4],
        currency=row[5],
        desired=Minor(row[6]),
        amount=Minor(row[7]),
        token_units=TokenUnits(row[8]),
        state=State(row[9]),
        reason=Reason(row[10]),
        document=row[11],
        created_at=row[12],
        mint_number=row[13],
        recipient=row[14],
        requested_at=row[15],
        reissues=row[16],
        failure=row[17],
        transaction_hash=row[18],
        block_number=row[19],
        block_hash=row[20],
        minted_at=row[21],
        net=Minor(row[22]),
        requested_units=None if row[23] is None else TokenUnits(row[23]),
        adjustment_id=row[24],
        adjusted_because=row[25],
    )
