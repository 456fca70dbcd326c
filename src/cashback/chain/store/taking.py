"""What lanes are about to sign for, and what was signed for lately: two lanes never take one mint, or one allowance.

announce ──▶ (policy asked, calls packed and signed: no transaction is open) ──▶ `lanes.advance` ends it
    └── after some seconds it counts no more: whoever stood still so long stores nothing
"""

from collections.abc import Sequence

import msgspec

from cashback.chain.model import Waiting
from cashback.kernel.db import Tx


class Taken(msgspec.Struct, frozen=True):
    """What is not this lane's to take: ranges of numbers (first, last), and base units in all of them together."""

    ranges: tuple[tuple[int, int], ...]
    amount: int


async def taken_by_others(tx: Tx, *, lane: int) -> Taken:
    """Lock every lane until `tx` ends, so that one looks and announces after the other; return what others are taking.

    What became of an announcement that ran out does not matter: its lane stores nothing any more.
    """
    cursor = await tx.execute(
        """
        select id, taking_first, taking_last, taking_amount, coalesce(taking_until > clock_timestamp(), false)
        from chain.lanes
        order by id
        for update
        """
    )
    others = [row for row in await cursor.fetchall() if row[0] != lane and row[4]]
    return Taken(tuple((row[1], row[2]) for row in others), sum(row[3] for row in others))


async def announce(tx: Tx, *, lane: int, waiting: Sequence[Waiting], for_s: float) -> None:
    """Let the others pass over the numbers from the first to the last of `waiting`, and count their base units."""
    await tx.execute(
        """
        update chain.lanes
        set taking_first = %(first)s,
            taking_last = %(last)s,
            taking_amount = %(amount)s,
            taking_until = clock_timestamp() + %(for_s)s * interval '1 second'
        where id = %(lane)s
        """,
        {
            "lane": lane,
            "first": waiting[0].number,
            "last": waiting[-1].number,
            "amount": sum(mint.amount for mint in waiting),
            "for_s": for_s,
        },
    )


async def withdraw(tx: Tx, *, lane: int) -> None:
    """End a lane's announcement, because it takes nothing this time."""
    await tx.execute(
        """
        update chain.lanes
        set taking_first = null,
            taking_last = null,
            taking_amount = null,
            taking_until = null
        where id = %(lane)s
          and taking_until is not null
        """,
        {"lane": lane},
    )


async def signed(tx: Tx) -> tuple[int, int]:
    """Return how many base units were signed for within the last hour, and within the last day, to the minute."""
    cursor = await tx.execute(
        """
        select coalesce(sum(amount) filter (where minute > clock_timestamp() - interval '61 minutes'), 0),
               coalesce(sum(amount), 0)
        from chain.signed_amounts
        where minute > clock_timestamp() - interval '1 day 1 minute'
        """
    )
    row = await cursor.fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def sign_for(tx: Tx, amount: int) -> None:
    """Count base units as signed for now, and forget what was more than a day ago.

    Whoever signs at the same time waits for `tx`; they add up in any order.
    """
    await tx.execute(
        """
        with forgotten as (
            delete from chain.signed_amounts
            where minute < clock_timestamp() - interval '1 day 2 minutes'
        )
        insert into chain.signed_amounts (minute, amount)
        values (date_trunc('minute', clock_timestamp(), 'UTC'), %(amount)s)
        on conflict (minute) do update
        set amount = signed_amounts.amount + excluded.amount
        """,
        {"amount": amount},
    )
