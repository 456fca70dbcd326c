"""Deliveries as they are told, and repeated."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.webhooks.model import DeliveryState, DeliveryStory, Span, Try

_STORY: Final = """
select delivery.id, delivery.endpoint_id, delivery.event_id, delivery.type, delivery.occurred_at, delivery.replay_of,
       delivery.state, delivery.attempts, delivery.due_at, delivery.ended_at, last.at, last.status, last.error
from webhooks.deliveries as delivery
left join webhooks.attempts as last on last.delivery_id = delivery.id and last.number = delivery.attempts
"""


async def replayable(
    tx: Tx, endpoint_id: str, *, span: Span, states: Sequence[DeliveryState], types: Sequence[str], limit: int
) -> list[tuple[str, datetime]]:
    """Return ended first deliveries of an endpoint whose events happened in a span, and when; none is under way again.

    One that failed and was delivered when it was made again is none that is missing.

    Oldest first, `limit` of them and all others of the last one's instant; of all types when none is named.
    """
    cursor = await tx.execute(
        """
        select id, occurred_at
        from (
            select first.id, first.occurred_at
            from webhooks.deliveries as first
            where first.endpoint_id = %(endpoint_id)s
              and first.occurred_at >= %(since)s
              and first.occurred_at < %(until)s
              and first.replay_of is null
              and first.state = any(%(states)s::text[])
              and (%(types)s::text[] = '{}' or first.type = any(%(types)s::text[]))
              and not exists (
                  select 1
                  from webhooks.deliveries as again
                  where again.replay_of = first.id
                    and (again.state in ('due', 'claimed') or first.state = 'failed' and again.state = 'delivered')
              )
            order by first.occurred_at
            fetch first (%(limit)s) rows with ties
        ) as found
        order by occurred_at, id
        """,
        {
            "endpoint_id": endpoint_id,
            "since": span.since,
            "until": span.until,
            "states": [state.value for state in states],
            "types": list(types),
            "limit": limit,
        },
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def first_of(tx: Tx, delivery_id: str) -> tuple[str, str] | None:
    """Return the first delivery of what a delivery repeats, itself if it does not, and its endpoint."""
    cursor = await tx.execute(
        """
        select coalesce(replay_of, id), endpoint_id
        from webhooks.deliveries
        where id = %(delivery_id)s
        """,
        {"delivery_id": delivery_id},
    )
    row = await cursor.fetchone()
    return None if row is None else (row[0], row[1])


async def repeat(tx: Tx, first_ids: Sequence[str], ids: Sequence[str]) -> int:
    """Store a delivery under each of `ids` with event and bytes of the first one in its place, due at once.

    Returns how many: one that is being forgotten is waited for, and then not there; those that are stay.
    """
    cursor = await tx.execute(
        """
        insert into webhooks.deliveries (id, endpoint_id, event_id, type, body, occurred_at, replay_of)
        select given.id, first.endpoint_id, first.event_id, first.type, first.body, first.occurred_at, first.id
        from unnest(%(ids)s::text[], %(first_ids)s::text[]) as given (id, first_id)
        join webhooks.deliveries as first on first.id = given.first_id
        for key share of first
        """,
        {"ids": list(ids), "first_ids": list(first_ids)},
    )
    return cursor.rowcount


async def page(tx: Tx, endpoint_id: str, *, state: DeliveryState | None, after: str, limit: int) -> list[DeliveryStory]:
    """Return deliveries of an endpoint by their ids, newest first, those before `after` unless it is empty.

    Of one state, or of all without one.
    """
    cursor = await tx.execute(
        f"""
        {_STORY}
        where delivery.endpoint_id = %(endpoint_id)s
          and (%(state)s::text is null or delivery.state = %(state)s)
          and (%(after)s = '' or delivery.id < %(after)s)
        order by delivery.id desc
        limit %(limit)s
        """,
        {"endpoint_id": endpoint_id, "state": state and state.value, "after": after, "limit": limit},
    )
    return [_to_story(row) for row in await cursor.fetchall()]


async def stories(tx: Tx, delivery_ids: Sequence[str]) -> list[DeliveryStory]:
    """Return deliveries as they stand, those that there are."""
    cursor = await tx.execute(
        f"""
        {_STORY}
        where delivery.id = any(%(delivery_ids)s::text[])
        order by delivery.id
        """,
        {"delivery_ids": list(delivery_ids)},
    )
    return [_to_story(row) for row in await cursor.fetchall()]


def _to_story(row: tuple[Any, ...]) -> DeliveryStory:
    """Return what a row tells."""
    return DeliveryStory(
        id=row[0],
        endpoint_id=row[1],
        event_id=row[2],
        type=row[3],
        occurred_at=row[4],
        replay_of=row[5],
        state=DeliveryState(row[6]),
        attempts=row[7],
        due_at=row[8],
        ended_at=row[9],
        last_try_at=row[10],
        last_status=row[11],
        last_error=row[12],
    )


async def attempts(tx: Tx, delivery_id: str) -> list[Try]:
    """Return the tries of a delivery, the first one first; ten at most. What was answered is text as far as it is."""
    cursor = await tx.execute(
        """
        select number, at, host(address), status, error, took_ms, answer
        from webhooks.attempts
        where delivery_id = %(delivery_id)s
        order by number
        """,
        {"delivery_id": delivery_id},
    )
    return [
        Try(
            attempt=row[0],
            at=row[1],
            address=row[2],
            status=row[3],
            error=row[4],
            took_ms=row[5],
            answer=row[6].decode(errors="replace"),
        )
        for row in await cursor.fetchall()
    ]
