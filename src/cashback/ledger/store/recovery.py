"""Cashbacks and numbers as what minting knows is held against them."""

from collections.abc import Sequence

from cashback.kernel.db import Tx
from cashback.kernel.money import TokenUnits
from cashback.ledger.model import Standing, State


async def lock_standing(tx: Tx, *, cashback_ids: Sequence[str], numbers: Sequence[int]) -> list[Standing]:
    """Return the cashbacks with one of these ids or numbers, locked in order until `tx` ends."""
    cursor = await tx.execute(
        """
        select id, user_id, programme_id, currency, payable_minor,
               coalesce(requested_units, payable_units - netted_units), traceparent, state, mint_number
        from ledger.cashback_ledger
        where id = any(%(ids)b::text[])
           or mint_number = any(%(numbers)b::bigint[])
        order by position
        for update
        """,
        {"ids": list(cashback_ids), "numbers": list(numbers)},
    )
    return [
        Standing(
            id=row[0],
            user_id=row[1],
            programme_id=row[2],
            currency=row[3],
            amount_minor=row[4],
            token_units=TokenUnits(row[5]),
            traceparent=row[6],
            state=State(row[7]),
            mint_number=row[8],
        )
        for row in await cursor.fetchall()
    ]


async def given_out(tx: Tx, numbers: Sequence[int]) -> frozenset[int]:
    """Return which of some numbers a cashback has or has given up."""
    cursor = await tx.execute(
        """
        select mint_number
        from ledger.cashback_ledger
        where mint_number = any(%(numbers)b::bigint[])
        union all
        select number
        from ledger.retired_numbers
        where number = any(%(numbers)b::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def given_up(tx: Tx, numbers: Sequence[int]) -> dict[int, str]:
    """Return those of some numbers that were given up, each with the cashback that had it."""
    cursor = await tx.execute(
        """
        select number, cashback_id
        from ledger.retired_numbers
        where number = any(%(numbers)b::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}
