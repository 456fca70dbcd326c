"""Mints: accepted once per number, waiting in the order of their numbers."""

from collections.abc import Sequence

from psycopg.rows import TupleRow

from cashback.chain.model import Address, Mint, MintView, Slot, Waiting
from cashback.kernel.db import Tx


async def admit(tx: Tx, mints: Sequence[Mint]) -> frozenset[int]:
    """Store those of `mints` whose number is new and return their numbers; the others are left as they are.

    A concurrent submission of the same number is waited for.
    """
    cursor = await tx.execute(
        """
        insert into chain.mints (number, cashback_id, recipient, amount, traceparent)
        select number, cashback_id, recipient, amount, traceparent
        from unnest(
            %(numbers)s::bigint[], %(cashbacks)s::text[], %(recipients)s::bytea[], %(amounts)s::bigint[],
            %(traces)s::text[]
        ) as given (number, cashback_id, recipient, amount, traceparent)
        order by number
        on conflict (number) do nothing
        returning number
        """,
        {
            "numbers": [mint.number for mint in mints],
            "cashbacks": [mint.cashback_id for mint in mints],
            "recipients": [mint.recipient for mint in mints],
            "amounts": [mint.amount for mint in mints],
            "traces": [mint.traceparent for mint in mints],
        },
    )
    return frozenset(row[0] for row in await cursor.fetchall())


async def stored(tx: Tx, numbers: Sequence[int]) -> dict[int, Mint]:
    """Return the stored mints among `numbers`."""
    cursor = await tx.execute(
        """
        select number, cashback_id, recipient, amount
        from chain.mints
        where number = any (%(numbers)s::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return {row[0]: Mint(row[0], row[1], Address(row[2]), row[3]) for row in await cursor.fetchall()}


async def refused(tx: Tx, numbers: Sequence[int]) -> dict[int, str]:
    """Return those of `numbers` that can never be minted any more, each with its reason: their outcome was told."""
    cursor = await tx.execute(
        """
        select number, reason
        from chain.mints
        where number = any (%(numbers)s::bigint[])
          and state = 'refused'
        """,
        {"numbers": list(numbers)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def waiting(tx: Tx, limit: int, *, outside: Sequence[tuple[int, int]] = ()) -> tuple[list[Waiting], int]:
    """Return the first waiting mints by number, and how many milliseconds ago the oldest of them was accepted.

    Numbers in the ranges `outside` (first, last) are passed over, and so is what was cancelled.
    """
    cursor = await tx.execute(
        """
        select number, recipient, amount, traceparent,
               (extract(epoch from clock_timestamp() - accepted_at) * 1000)::bigint
        from chain.mints
        where state = 'accepted'
          and cancelled_at is null
          and not exists (
              select
              from unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) as taken (first, last)
              where number between first and last
          )
        order by number
        limit %(limit)s
        """,
        {"limit": limit, "firsts": [first for first, _ in outside], "lasts": [last for _, last in outside]},
    )
    rows = await cursor.fetchall()
    return [Waiting(row[0], Address(row[1]), *row[2:4]) for row in rows], max((row[4] for row in rows), default=0)


async def waiting_after(tx: Tx, number: int, *, limit: int) -> list[Waiting]:
    """Return the first waiting mints above a number, in order; from the lowest on when there are none above it."""
    cursor = await tx.execute(
        """
        select number, recipient, amount
        from chain.mints
        where state = 'accepted'
          and cancelled_at is null
          and number > case
              when exists (
                  select
                  from chain.mints
                  where state = 'accepted'
                    and cancelled_at is null
                    and number > %(number)s::bigint)
              then %(number)s::bigint
              else 0
          end
        order by number
        limit %(limit)s
        """,
        {"number": number, "limit": limit},
    )
    return [Waiting(row[0], Address(row[1]), row[2]) for row in await cursor.fetchall()]


async def waiting_count(tx: Tx, limit: int) -> int:
    """Return how many mints wait for a slot, counting no further than `limit`."""
    cursor = await tx.execute(
        """
        select count(*)
        from (
            select
            from chain.mints
            where state = 'accepted'
              and cancelled_at is null
            limit %(limit)s
        ) as counted
        """,
        {"limit": limit},
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def in_flight_amount(tx: Tx) -> int:
    """Return the base units of all mints that are signed and in no block yet."""
    cursor = await tx.execute(
        """
        select coalesce(sum(amount), 0)
        from chain.mints
        where state = 'submitted'
        """
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def assign(tx: Tx, slots: Sequence[Slot]) -> int:
    """Put the waiting mints that the slots carry into them; return how many were still waiting."""
    pairs = [(number, slot) for slot in slots for number in slot.call.numbers]
    cursor = await tx.execute(
        """
        update chain.mints
        set state = 'submitted',
            lane = given.lane,
            nonce = given.nonce,
            submitted_at = clock_timestamp()
        from unnest(%(numbers)s::bigint[], %(lanes)s::smallint[], %(nonces)s::bigint[]) as given (number, lane, nonce)
        where mints.number = given.number
          and mints.state = 'accepted'
          and mints.cancelled_at is null
        """,
        {
            "numbers": [number for number, _ in pairs],
            "lanes": [slot.lane for _, slot in pairs],
            "nonces": [slot.nonce for _, slot in pairs],
        },
    )
    return cursor.rowcount


async def traces(tx: Tx, *, lane: int, nonces: Sequence[int]) -> dict[int, dict[int, str | None]]:
    """Return the traces of the mints that some open slots of a lane carry, by nonce and number."""
    cursor = await tx.execute(
        """
        select nonce, number, traceparent
        from chain.mints
        where state = 'submitted'
          and lane = %(lane)s
          and nonce = any (%(nonces)s::bigint[])
        order by number
        """,
        {"lane": lane, "nonces": list(nonces)},
    )
    found: dict[int, dict[int, str | None]] = {}
    for nonce, number, traceparent in await cursor.fetchall():
        found.setdefault(nonce, {})[number] = traceparent
    return found


async def views(tx: Tx, numbers: Sequence[int]) -> dict[int, MintView]:
    """Return how far the stored mints among `numbers` have come.

    A submitted mint shows its slot's newest attempt, one on chain the transaction that carried it.
    """
    cursor = await tx.execute(
        """
        select mints.number,
               case when mints.state = 'included' and mints.block_number <= network.safe_block then 'safe'
                    else mints.state end,
               coalesce(mints.transaction_hash, newest.hash),
               coalesce(mints.block_number, 0),
               mints.block_hash,
               (extract(epoch from mints.accepted_at) * 1000)::bigint,
               coalesce((extract(epoch from mints.submitted_at) * 1000)::bigint, 0),
               coalesce((extract(epoch from mints.included_at) * 1000)::bigint, 0),
               coalesce((extract(epoch from mints.final_at) * 1000)::bigint, 0),
               coalesce(mints.reason, case when mints.state = 'held' then mints.held_reason end, ''),
               coalesce((extract(epoch from mints.held_at) * 1000)::bigint, 0)
        from chain.mints
        cross join chain.network
        left join lateral (
            select attempts.hash
            from chain.blockchain_transactions as attempts
            where mints.transaction_hash is null
              and attempts.lane = mints.lane
              and attempts.nonce = mints.nonce
            order by attempts.place desc
            limit 1
        ) as newest on true
        where mints.number = any (%(numbers)s::bigint[])
        """,
        {"numbers": list(numbers)},
    )
    return {row[0]: _view(row) for row in await cursor.fetchall()}


def _view(row: TupleRow) -> MintView:
    """Return one row as a view."""
    return MintView(
        number=row[0],
        state=row[1],
        transaction_hash=row[2] or b"",
        block_number=row[3],
        block_hash=row[4] or b"",
        accepted_at_ms=row[5],
        submitted_at_ms=row[6],
        included_at_ms=row[7],
        final_at_ms=row[8],
        reason=row[9],
        held_at_ms=row[10],
    )
