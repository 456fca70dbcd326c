"""A bounded walk along the rows of a table: how a filtered list finds its page, however little of it there is.

    rows of the lead ──from a place on, in order──▶ at most WALK_MAX are looked at ──▶ those that the sieves let through

The lead has an index in the order of the places: the walk reads one row after the other, and no more. Each further
condition is a sieve, which every row is held against. A walk that ends before its page is full names where it ended:
that page is short, perhaps empty, and the next one goes on from there.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

import msgspec

from cashback.kernel.db import Tx
from cashback.kernel.listing import Order

WALK_MAX: Final = 10_000
"""So many rows are looked at for one page."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a `table` that lie one behind the other by `place`, and what is asked of them.

    `lead` and `sieves` are conditions in SQL; what they compare with is `given`, by name.
    """

    table: str
    place: str
    lead: str | None
    sieves: Sequence[str]
    given: Mapping[str, object]

    @classmethod
    def asked(
        cls,
        table: str,
        given: Mapping[str, object],
        *,
        leads: Mapping[str, str],
        sieves: Mapping[str, str],
        place: str = "id",
    ) -> Self:
        """Return the rows for what is `given`; whatever of it is None is not asked for.

        The first of the `leads` whose name is given leads the walk. Conditions of all other names are sieves; one of
        the same name in both may do either.
        """
        asked = {name: value for name, value in given.items() if value is not None}
        leading = next((name for name in leads if name in asked), None)
        return cls(
            table=table,
            place=place,
            lead=None if leading is None else leads[leading],
            sieves=[sieve for name, sieve in sieves.items() if name in asked and name != leading],
            given=asked,
        )


@asynccontextmanager
async def planned_by_rows(tx: Tx) -> AsyncIterator[None]:
    """Have what `tx` asks within be planned by how many rows it reads and not by how many pages; afterwards as before.

    By the price of pages another index in the same order may look cheaper, and what the lead does not have is left out
    on the way, without a bound.
    """
    cursor = await tx.execute(
        """
        select current_setting('seq_page_cost'), current_setting('random_page_cost'),
               set_config('seq_page_cost', '0', true), set_config('random_page_cost', '0', true)
        """
    )
    [(seq, random, _, _)] = await cursor.fetchall()
    yield
    # Not where it failed: such a transaction does nothing more, and its settings end with it.
    await tx.execute(
        "select set_config('seq_page_cost', %(seq)s, true), set_config('random_page_cost', %(random)s, true)",
        {"seq": seq, "random": random},
    )


async def walk(
    tx: Tx, rows: Rows, *, order: Order, behind: object, limit: int, most: int = WALK_MAX
) -> tuple[list[Any], Any]:
    """Return the places of the next wanted rows in order, and the place behind which the page after them begins.

    That is None where there is no further row. `behind` is where the page before ended, None at the beginning.
    """
    beyond, direction = (">", "asc") if order is Order.ASC else ("<", "desc")
    looked_at = most if rows.sieves else limit + 1
    begun = None if behind is None else f"{rows.place} {beyond} %(behind)s"
    lead = " and ".join(condition for condition in (rows.lead, begun) if condition) or "true"
    sieve = " and ".join(rows.sieves) or "true"
    async with planned_by_rows(tx):
        cursor = await tx.execute(
            f"""
            select place, is_wanted, turn
            from (
                select place, is_wanted, row_number() over (order by place {direction}) as turn
                from (
                    select {rows.place} as place, {sieve} as is_wanted
                    from {rows.table}
                    where {lead}
                    order by place {direction}
                    limit %(walk)s
                ) as looked_at
            ) as judged
            where is_wanted
               or turn = %(walk)s
            order by place {direction}
            limit %(page)s
            """,
            {**rows.given, "behind": behind, "walk": looked_at, "page": limit + 1},
        )
        found = await cursor.fetchall()
    wanted = [place for place, is_wanted, _ in found if is_wanted]
    if len(wanted) > limit:
        return wanted[:limit], wanted[limit - 1]
    return wanted, next((place for place, _, turn in found if turn == looked_at), None)
