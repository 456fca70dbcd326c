"""Who did what, by time: the commands that stand beside their idempotency keys."""

from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx

_IS_RATE: Final = """
    case when what = 'put_rate' then
        split_part(resource, ' ', 1) = %(pair)s
        and split_part(resource, ' ', 2)::timestamptz = %(as_of)s
    end
"""
"""Whether a command put that rate; nothing else is written as a rate is."""


class Place(msgspec.Struct, frozen=True):
    """A command's place in the log: its instant, and what tells it from others of the same one."""

    at: datetime
    name: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it stands there, and its place."""

    owner: str
    by_key: str | None
    what: str | None
    resource: str | None
    place: Place


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which commands are asked for: since when, and where it is told of one owner, one API key, one resource.

    A rate is one by its pair and instant, in whichever words: `resource` is no id then.
    """

    since: datetime
    owner: str | None
    by_key: str | None
    resource: str | None
    pair: str | None
    as_of: datetime | None


async def page(
    tx: Tx, wanted: Wanted, *, before: Place, looked_at_max: int, limit: int
) -> tuple[list[Row], Place | None]:
    """Return up to `limit` commands that are wanted, the last first, from before a place on.

    So many are looked at and no more, whatever is wanted of them; behind those it returns the place where the others
    begin, None where there are none.
    """
    cursor = await tx.execute(
        f"""
        with looked_at as materialized (
            select owner, by_key, what, resource, created_at, name
            from purchases.idempotency_keys
            cross join lateral (
                select encode(sha256(convert_to(owner || chr(31) || key, 'UTF8')), 'hex') collate "C" as name
            ) as named
            where created_at >= %(since)s
              and created_at <= %(at)s
              and (created_at < %(at)s or name < %(name)s)
            order by created_at desc, name desc
            limit %(looked_at_max)s
        ),
        found as (
            select owner, by_key, what, resource, created_at, name
            from looked_at
            where (%(owner)s::text is null or owner = %(owner)s)
              and (%(by_key)s::text is null or by_key = %(by_key)s)
              and (%(resource)s::text is null or resource = %(resource)s or {_IS_RATE})
            order by created_at desc, name desc
            limit %(limit)s
        ),
        last as (
            select created_at, name
            from looked_at
            order by created_at desc, name desc
            offset %(looked_at_max)s - 1
        )
        select owner, by_key, what, resource, created_at, name
        from found
        union all
        select null, null, null, null, created_at, name
        from last
        order by created_at desc, name desc, owner
        """,
        {
            **msgspec.structs.asdict(wanted),
            "at": before.at,
            "name": before.name,
            "looked_at_max": looked_at_max,
            "limit": limit,
        },
    )
    rows = await cursor.fetchall()
    found = [
        Row(owner=row[0], by_key=row[1], what=row[2], resource=row[3], place=Place(row[4], row[5]))
        for row in rows
        if row[0] is not None
    ]
    return found, next((Place(row[4], row[5]) for row in rows if row[0] is None), None)
