"""Mints by their numbers: those that cashbacks have, and those that were given up."""

from collections.abc import Sequence
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.kernel.money import TokenUnits
from cashback.kernel.walk import planned_by_rows
from cashback.ledger.model import NUMBER_RETIRED
from cashback.ledger.model.mint_stories import MintStanding, StoredMint

_COLUMNS: Final = """
    number, state, cashback_id, purchase_id, user_id, merchant_id, recipient, units, requested_at, minted_at,
    transaction_hash, block_number, block_hash, failure
"""

_NUMBERED: Final = """
    select mint_number as number, state, id as cashback_id, purchase_id, user_id, merchant_id, recipient,
           requested_units as units, requested_at, minted_at, transaction_hash, block_number, block_hash, failure
    from ledger.cashback_ledger
"""

_GIVEN_UP: Final = """
    select retired.number, 'retired' as state, retired.cashback_id, cashback.purchase_id, cashback.user_id,
           cashback.merchant_id, retired.recipient, retired.requested_units as units, retired.requested_at,
           null::timestamptz as minted_at, null::text as transaction_hash, null::bigint as block_number,
           null::text as block_hash, %(retired)s::text as failure
    from ledger.retired_numbers as retired
    join ledger.cashback_ledger as cashback on cashback.id = retired.cashback_id
"""

_STANDINGS: Final = {
    "mint_requested": MintStanding.REQUESTED,
    "minted": MintStanding.MINTED,
    # What was returned after its mint stands on the chain all the same.
    "reversed": MintStanding.MINTED,
    "stuck": MintStanding.STUCK,
    "retired": MintStanding.RETIRED,
}
"""What a cashback's state, or that its number was given up, says of its mint."""


async def page(
    tx: Tx, *, below: int, merchant_id: str | None, standing: MintStanding | None, among: int, limit: int
) -> list[StoredMint]:
    """Return up to `limit` mints below a number, the highest first, that are among the next `among` below it.

    Of one merchant these are its own, by an index; of the numbers that were given up all are read for that, which are
    few: a person gives up one at a time. Of one standing they are looked through in their order, as far as that goes:
    no index has them by it.
    """
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            f"""
            select {_COLUMNS}
            from (
                select {_COLUMNS}
                from (
                    (
                        {_NUMBERED}
                        where {_lead(merchant_id)}
                        order by mint_number desc
                        limit %(among)s
                    )
                    union all
                    (
                        {_GIVEN_UP}
                        where {_given_up(merchant_id)}
                        order by retired.number desc
                        limit %(among)s
                    )
                ) as either
                order by number desc
                limit %(among)s
            ) as looked
            where (%(states)s::text[] is null or state = any(%(states)s::text[]))
            order by number desc
            limit %(limit)s
            """,
            {
                "below": below,
                "merchant_id": merchant_id,
                "states": None if standing is None else _states_of(standing),
                "among": among,
                "limit": limit,
                "retired": NUMBER_RETIRED,
            },
        )
        return [_mint(row) for row in await cursor.fetchall()]


async def last_among(tx: Tx, *, below: int, merchant_id: str | None, among: int) -> int | None:
    """Return the lowest of the next `among` numbers below one that `page` looks at, None where there are fewer."""
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            f"""
            select number
            from (
                (
                    select mint_number as number
                    from ledger.cashback_ledger
                    where {_lead(merchant_id)}
                    order by mint_number desc
                    limit %(among)s
                )
                union all
                (
                    select retired.number
                    from ledger.retired_numbers as retired
                    join ledger.cashback_ledger as cashback on cashback.id = retired.cashback_id
                    where {_given_up(merchant_id)}
                    order by retired.number desc
                    limit %(among)s
                )
            ) as either
            order by number desc
            offset %(among)s - 1
            limit 1
            """,
            {"below": below, "merchant_id": merchant_id, "among": among},
        )
        row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def by_number(tx: Tx, number: int) -> StoredMint | None:
    """Return the mint under a number, None when none was requested; nobody gives a number out twice."""
    cursor = await tx.execute(
        f"""
        {_NUMBERED}
        where mint_number = %(number)s
        union all
        {_GIVEN_UP}
        where retired.number = %(number)s
        """,
        {"number": number, "retired": NUMBER_RETIRED},
    )
    row = await cursor.fetchone()
    return None if row is None else _mint(row)


def _lead(merchant_id: str | None) -> str:
    """Return the condition by which numbers are read, each way by an index in their order."""
    below = "mint_number < %(below)s"
    return below if merchant_id is None else f"merchant_id = %(merchant_id)s and {below}"


def _given_up(merchant_id: str | None) -> str:
    """Return the condition by which numbers that were given up are read."""
    below = "retired.number < %(below)s"
    return below if merchant_id is None else f"cashback.merchant_id = %(merchant_id)s and {below}"


def _states_of(standing: MintStanding) -> Sequence[str]:
    """Return the states in which a mint stands so."""
    return [state for state, meant in _STANDINGS.items() if meant is standing]


def _mint(row: tuple[Any, ...]) -> StoredMint:
    """Return a row of `_COLUMNS` as a mint."""
    return StoredMint(
        number=row[0],
        standing=_STANDINGS[row[1]],
        cashback_id=row[2],
        purchase_id=row[3],
        user_id=row[4],
        merchant_id=row[5],
        recipient=row[6],
        token_units=TokenUnits(row[7]),
        requested_at=row[8],
        minted_at=row[9],
        transaction_hash=row[10],
        block_number=row[11],
        block_hash=row[12],
        failure=row[13],
    )
