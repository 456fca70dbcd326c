"""The log of events: written down once each as they are taken in, and told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from cashback.kernel.db import Tx
from cashback.webhooks.model import EventsWanted, Happening

Place: TypeAlias = tuple[datetime, str]
"""Where an event stands in the log: when it happened, and its id."""

_ASKED: Final[Mapping[str, str]] = {
    "merchant_id": "merchant_id = %(merchant_id)s",
    "object_id": "key = %(object_id)s",
    "since": "occurred_at >= %(since)s",
    "until": "occurred_at < %(until)s",
    "before_at": "(occurred_at, event_id) < (%(before_at)s, %(before_id)s)",
}
"""What of the log is looked through, each by an index; what is not asked for is not said, or no index would serve."""


async def insert(tx: Tx, happenings: Sequence[Happening]) -> int:
    """Write events down and return how many are new: one that is known stays as it is.

    No conflict is named, since naming one wants the right to read.
    """
    cursor = await tx.execute(
        """
        insert into webhooks.events (event_id, type, key, merchant_id, occurred_at, body)
        select event_id, type, key, merchant_id, occurred_at, body
        from unnest(
            %(ids)b::text[], %(types)b::text[], %(keys)b::text[], %(merchant_ids)b::text[],
            %(occurred)b::timestamptz[], %(bodies)b::bytea[]
        ) as given (event_id, type, key, merchant_id, occurred_at, body)
        order by event_id
        on conflict do nothing
        """,
        {
            "ids": [each.event_id for each in happenings],
            "types": [each.type for each in happenings],
            "keys": [each.key for each in happenings],
            "merchant_ids": [each.merchant_id for each in happenings],
            "occurred": [each.occurred_at for each in happenings],
            "bodies": [each.body for each in happenings],
        },
    )
    return cursor.rowcount


async def see_one_moment(tx: Tx) -> None:
    """Have all statements of `tx` see what its first one sees; it is to be the first thing that `tx` does."""
    await tx.execute("set transaction isolation level repeatable read, read only")


async def page(tx: Tx, wanted: EventsWanted, *, before: Place | None, among: int, limit: int) -> list[Happening]:
    """Return up to `limit` events before a place, the newest first, that are among the next `among` before it.

    A type is looked for among these: no index has it.
    """
    asked, values = _asked(wanted, before)
    cursor = await tx.execute(
        f"""
        select event_id, type, key, merchant_id, occurred_at, body
        from (
            select event_id, type, key, merchant_id, occurred_at, body
            from webhooks.events
            where {asked}
            order by occurred_at desc, event_id desc
            limit %(among)s
        ) as looked
        where (%(type)s::text is null or type = %(type)s)
        order by occurred_at desc, event_id desc
        limit %(limit)s
        """,
        {**values, "among": among, "limit": limit},
    )
    return [_happening(row) for row in await cursor.fetchall()]


async def last_among(tx: Tx, wanted: EventsWanted, *, before: Place | None, among: int) -> Place | None:
    """Return the place of the last of the next `among` events before a place, of all types; None with fewer of them."""
    asked, values = _asked(wanted, before)
    cursor = await tx.execute(
        f"""
        select occurred_at, event_id
        from webhooks.events
        where {asked}
        order by occurred_at desc, event_id desc
        offset %(among)s - 1
        limit 1
        """,
        {**values, "among": among},
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])


async def read(tx: Tx, event_id: str) -> Happening | None:
    """Return an event, None when there is none, or none any more."""
    cursor = await tx.execute(
        """
        select event_id, type, key, merchant_id, occurred_at, body
        from webhooks.events
        where event_id = %(event_id)s
        """,
        {"event_id": event_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _happening(row)


def _happening(row: tuple[Any, ...]) -> Happening:
    """Return a row as an event."""
    return Happening(event_id=row[0], type=row[1], key=row[2], merchant_id=row[3], occurred_at=row[4], body=row[5])


def _asked(wanted: EventsWanted, before: Place | None) -> tuple[str, dict[str, Any]]:
    """Return the condition of what is looked through, and the values of its parameters and of the type."""
    at, event_id = before or (None, None)
    values = {**msgspec.structs.asdict(wanted), "before_at": at, "before_id": event_id}
    clauses = [clause for name, clause in _ASKED.items() if values[name] is not None]
    return " and ".join(clauses) or "true", values
