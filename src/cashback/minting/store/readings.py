"""What people and the reconciliation read: bounded pages in the order of numbers."""

from collections.abc import AsyncGenerator, Sequence

from cashback.kernel.db import Session, Tx
from cashback.kernel.money import MINT_NUMBER_MAX
from cashback.minting.model import NUMBER_RETIRED, Mint, MintState
from cashback.minting.store.rows import COLUMNS, to_mint


async def page(tx: Tx, *, after: int, limit: int, state: MintState | None, is_retired: bool | None) -> list[Mint]:
    """Return up to `limit` mints with numbers above `after`, of one state or of all, retired or not or both."""
    cursor = await tx.execute(
        f"""
        select {COLUMNS}
        from minting.mints
        where number > %(after)s
          and (%(state)s::text is null or state = %(state)s)
          and (%(is_retired)s::boolean is null
               or %(is_retired)s = (state = 'stuck' and reason is not distinct from %(retired)s))
        order by number
        limit %(limit)s
        """,
        {
            "after": after,
            "limit": limit,
            "state": None if state is None else state.value,
            "is_retired": is_retired,
            "retired": NUMBER_RETIRED,
        },
    )
    return [to_mint(row) for row in await cursor.fetchall()]


async def one(tx: Tx, number: int) -> Mint | None:
    """Return the mint under `number`, or None."""
    cursor = await tx.execute(
        f"""
        select {COLUMNS}
        from minting.mints
        where number = %(number)s
        """,
        {"number": number},
    )
    row = await cursor.fetchone()
    return None if row is None else to_mint(row)


async def one_for(tx: Tx, cashback_id: str) -> Mint | None:
    """Return the mint for a cashback under its newest number, or None."""
    cursor = await tx.execute(
        f"""
        select {COLUMNS}
        from minting.mints
        where cashback_id = %(cashback_id)s
        order by number desc
        limit 1
        """,
        {"cashback_id": cashback_id},
    )
    row = await cursor.fetchone()
    return None if row is None else to_mint(row)


async def highest_number(tx: Tx) -> int:
    """Return the highest number that was ever requested, 0 before the first; none that no ledger gives out counts."""
    cursor = await tx.execute(
        """
        select coalesce(max(number), 0)
        from minting.mints
        where number <= %(most)s
        """,
        {"most": MINT_NUMBER_MAX},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def known(tx: Tx, numbers: Sequence[int]) -> frozenset[int]:
    """Return which of some numbers were requested."""
    cursor = await tx.execute(
        """
        select number
        from minting.mints
        where number = any(%(numbers)s::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def counts(tx: Tx) -> dict[MintState, int]:
    """Return how many mints are in each state; states without any are missing."""
    cursor = await tx.execute(
        """
        select state, count(*)
        from minting.mints
        group by state
        """
    )
    return {MintState(row[0]): row[1] for row in await cursor.fetchall()}


async def closed(tx: Tx, *, to_block: int) -> tuple[int, int]:
    """Return how many mints are settled in blocks up to one, and the sum of their hashes, which depends on no order."""
    cursor = await tx.execute(
        """
        select count(*),
               coalesce(sum(hash_record_extended(row(
                   number, cashback_id, recipient, amount, block_number, transaction_hash), 0)), 0)::text
        from minting.mints
        where block_number <= %(to_block)s
        """,
        {"to_block": to_block},
    )
    [row] = await cursor.fetchall()
    return row[0], int(row[1])


async def copy_open(session: Session, *, after_block: int) -> AsyncGenerator[bytes]:
    """Yield, as PostgreSQL's binary COPY, every mint that is not settled in a block up to `after_block`.

    Its columns: number, cashback_id, recipient, amount, block_number, transaction_hash; the last two may be null.
    """
    statement = """
        copy (
            select number, cashback_id, recipient, amount, block_number, transaction_hash
            from minting.mints
            where block_number is null
               or block_number > %(after_block)s
        ) to stdout (format binary)
        """
    async with session.cursor() as cursor, cursor.copy(statement, {"after_block": after_block}) as copy:
        async for data in copy:
            yield bytes(data)


async def stuck(tx: Tx, *, limit: int) -> int:
    """Return how many mints wait for a person, counted up to `limit`; one whose number is retired is over."""
    cursor = await tx.execute(
        """
        select count(*)
        from (
            select
            from minting.mints
            where state = 'stuck'
              and reason is distinct from %(retired)s
            limit %(limit)s
        ) as waiting
        """,
        {"retired": NUMBER_RETIRED, "limit": limit},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])
