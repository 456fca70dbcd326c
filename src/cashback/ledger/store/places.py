"""Where things lie in a user's history: the order of a statement found by the order of the books.

    ─────────────┬──────────────────┬─────────────────────────────┬──────────────────▶ position
                 │ all before it    │ place: which are before it? │ nothing before it
                 └── low: at < place - OUT_OF_ORDER               └── high: at >= place + OUT_OF_ORDER

A statement tells things by the time they were written down, `at`; the books have them by position. What was
written side by side may differ in that, and so may two clocks, but by less than `OUT_OF_ORDER`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from cashback.kernel.db import Tx

OUT_OF_ORDER: Final = timedelta(hours=1)
"""What is before something else by its position is by less than this after it by its time."""

Place: TypeAlias = tuple[datetime, int]
"""An instant and a position: whatever has a smaller pair is before it."""

# An account's transfers are asked for by pairs: by one index in its order, and by no other for whatever a plan costs.
MINE: Final = """
    mine as materialized (
        select id, kind, currency
        from ledger.accounts
        where owner = %(user)s
    )
"""
TOUCHING: Final = f"""
    {MINE},
    touching as materialized (
        select position, at, moved.currency, amount, debit_account, credit_account
        from mine
        cross join lateral (
            select position, at, transfers.currency, amount, debit_account, credit_account
            from ledger.transfers
            where (debit_account, position) >= (mine.id, %(low)s)
              and (debit_account, position) < (mine.id, %(high)s)
        ) as moved
        union
        select position, at, moved.currency, amount, debit_account, credit_account
        from mine
        cross join lateral (
            select position, at, transfers.currency, amount, debit_account, credit_account
            from ledger.transfers
            where (credit_account, position) >= (mine.id, %(low)s)
              and (credit_account, position) < (mine.id, %(high)s)
        ) as moved
    )
"""


async def behind(tx: Tx, user_id: str, *, after: Place, until: datetime, limit: int) -> list[Place]:
    """Return the places of what moved behind one and before an instant, at most `limit`, in the order of recording.

    What lies further on than so many and `OUT_OF_ORDER` is not read.
    """
    low, high = await around(tx, after[0], until)
    names = {"user": user_id, "after_at": after[0], "after_position": after[1], "until": until, "low": low}
    high = await _reach(tx, names, high=high, limit=limit)
    cursor = await tx.execute(
        f"""
        with {TOUCHING}
        select at, position
        from touching
        where at < %(until)s
          and (at, position) > (%(after_at)s, %(after_position)s)
        order by at, position
        limit %(limit)s
        """,
        {**names, "high": high, "limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def around(tx: Tx, first: datetime, last: datetime) -> tuple[int, int]:
    """Return the positions between which all lies that is dated between two instants, the upper one not included."""
    return await _boundary(tx, first, lean=-OUT_OF_ORDER), await _boundary(tx, last, lean=OUT_OF_ORDER)


async def _boundary(tx: Tx, at: datetime, *, lean: timedelta) -> int:
    """Return a position before which something is dated before `at + lean`, and from which on something is not.

    Found by halving what is left: as many looks into the primary key as the last position has binary digits.
    """
    cursor = await tx.execute(
        """
        with recursive halved as (
            select 0::bigint as low, coalesce((
                select position
                from ledger.transfers
                order by position desc
                limit 1), 0) + 1 as high
            union all
            select case when is_before then middle else low end, case when is_before then high else middle end
            from halved
            cross join lateral (select (low + high) / 2 as middle) as halfway
            cross join lateral (
                select coalesce((
                    select at < %(at)s::timestamptz + %(lean)s::interval
                    from ledger.transfers
                    where position <= middle
                    order by position desc
                    limit 1), true) as is_before
            ) as judged
            where high - low > 1
        )
        select high
        from halved
        where high - low <= 1
        """,
        {"at": at, "lean": lean},
    )
    [row] = await cursor.fetchall()
    return int(row[0])


async def _reach(tx: Tx, names: Mapping[str, object], *, high: int, limit: int) -> int:
    """Return the position before which the first `limit` things behind a place lie, at most `high`.

    So many by the order of positions are dated up to some instant, so the first by time are not dated after that.
    """
    cursor = await tx.execute(
        f"""
        with {MINE}
        select count(*), max(at)
        from (
            select touching.position, touching.at
            from mine
            cross join lateral (
                (
                    select position, at
                    from ledger.transfers
                    where (debit_account, position) >= (mine.id, %(low)s)
                      and (debit_account, position) < (mine.id, %(high)s)
                      and at < %(until)s
                      and (at, position) > (%(after_at)s, %(after_position)s)
                    order by debit_account, position
                    limit %(limit)s
                )
                union all
                (
                    select position, at
                    from ledger.transfers
                    where (credit_account, position) >= (mine.id, %(low)s)
                      and (credit_account, position) < (mine.id, %(high)s)
                      and at < %(until)s
                      and (at, position) > (%(after_at)s, %(after_position)s)
                    order by credit_account, position
                    limit %(limit)s
                )
            ) as touching
            group by touching.position, touching.at
            order by touching.position
            limit %(limit)s
        ) as first
        """,
        {**names, "high": high, "limit": limit},
    )
    [(many, latest)] = await cursor.fetchall()
    return high if many < limit else min(high, await _boundary(tx, latest, lean=OUT_OF_ORDER))
