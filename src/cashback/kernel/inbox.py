"""The inbox: which events a consumer has applied, stored in the transaction of the effect, for ever.

Keeps I5: delivery is at least once, so the same event may come again after any time; its id is found here and the
effect is not repeated.
"""

from collections.abc import Sequence

from cashback.kernel.db import Tx


async def claim(tx: Tx, *, schema: str, consumer: str, event_ids: Sequence[str]) -> frozenset[str]:
    """Return those of `event_ids` that `consumer` had not applied before, and note them as applied with `tx`.

    A concurrent claim of the same id waits for the other transaction and then comes back without it.
    """
    cursor = await tx.execute(
        f"""
        insert into {schema}.inbox (consumer, event_id)
        select %(consumer)s, event_id
        from unnest(%(event_ids)s::text[]) as event_id
        order by event_id
        on conflict do nothing
        returning event_id
        """,
        {"consumer": consumer, "event_ids": sorted(set(event_ids))},
    )
    return frozenset(row[0] for row in await cursor.fetchall())
