"""What purchases are held against before anything of them is stored: who they name, and whose their names are."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from psycopg.rows import TupleRow

from cashback.kernel.db import Tx
from cashback.purchases.model import Standing
from cashback.purchases.store.refunds import STRIPES, Name


class Met(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of users and merchants, where they exist, and the purchase of each name that stands for one."""

    standing: Mapping[str, Standing]
    named: Mapping[Name, str]


async def meet(tx: Tx, *, users: Sequence[str], merchants: Sequence[str], names: Sequence[Name]) -> Met:
    """Return who and what purchases meet, and have nobody park refunds for these names' merchants until `tx` ends.

    Who is parking one is waited for. A user may earn that is not blocked, a merchant that is active. Each is found by
    an index of its own: `any` of so many ids is a comparison of every row with each, wherever the table is small. How
    many are asked for is hidden from the planner, which would otherwise plan anew for each small batch.
    """
    cursor = await tx.execute(
        """
        with asked as materialized (
            select %(users)b::text[] as users, %(merchants)b::text[] as merchants, %(namers)b::text[] as namers,
                   %(references)b::text[] as names
        ),
        passed as materialized (
            select count(pg_advisory_xact_lock_shared(hashtext('purchases:parking'), stripe))
            from (
                select distinct hashtext(merchant) & %(last_stripe)s as stripe
                from asked
                cross join unnest(namers) as merchant
                order by stripe
            ) as concerned
        )
        select id, may_earn, tier, null as mcc, null::text[] as owners, null as merchant_id, null as reference
        from asked
        cross join unnest(users) as named (id)
        cross join lateral (
            select not is_blocked as may_earn, tier
            from purchases.users
            where id = named.id
            limit 1
        ) as found
        union all
        select id, is_active, null, mcc, owners, null, null
        from asked
        cross join unnest(merchants) as named (id)
        cross join lateral (
            select is_active, mcc, owners
            from purchases.merchants
            where id = named.id
            limit 1
        ) as found
        union all
        select purchase.id, null, null, null, null, merchant_id, reference
        from asked
        cross join unnest(namers, names) as named (merchant_id, reference)
        join purchases.purchases as purchase using (merchant_id, reference)
        where is_named
        union all
        select null, null, null, null, null, null, null
        from passed
        """,
        {
            "users": list(users),
            "merchants": list(merchants),
            "namers": [merchant for merchant, _ in names],
            "references": [reference for _, reference in names],
            "last_stripe": STRIPES - 1,
        },
    )
    return _met(await cursor.fetchall())


def _met(rows: Iterable[TupleRow]) -> Met:
    """Return what was found: who has an id of their own, and which name has one; the last row only passed."""
    standing, named = dict[str, Standing](), dict[Name, str]()
    for id_, may_earn, tier, mcc, owners, merchant_id, reference in rows:
        if reference is not None:
            named[merchant_id, reference] = id_
        elif id_ is not None:
            standing[id_] = Standing(may_earn=may_earn, tier=tier, mcc=mcc, owners=tuple(owners or ()))
    return Met(standing=standing, named=named)
