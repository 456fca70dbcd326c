"""Deliveries: stored once per endpoint and event, noted, ended."""

from collections.abc import Sequence

from cashback.kernel.db import Tx
from cashback.webhooks.model import Answer, Attempt, Claim, DeliveryState, NewDelivery, NoAnswer


async def insert(tx: Tx, deliveries: Sequence[NewDelivery]) -> int:
    """Store deliveries and return how many are new: an event is delivered to an endpoint once.

    Due at once, or failed and never tried where the endpoint misses them.
    """
    cursor = await tx.execute(
        """
        insert into webhooks.deliveries (
            id, endpoint_id, event_id, type, body, occurred_at, state, due_at, ended_at
        )
        select
            id, endpoint_id, event_id, type, body, occurred_at,
            case when is_missed then 'failed' else 'due' end,
            case when not is_missed then now() end,
            case when is_missed then now() end
        from unnest(
            %(ids)b::text[], %(endpoint_ids)b::text[], %(event_ids)b::text[], %(types)b::text[], %(bodies)b::bytea[],
            %(occurred)b::timestamptz[], %(missed)b::boolean[]
        ) as given (id, endpoint_id, event_id, type, body, occurred_at, is_missed)
        order by endpoint_id, event_id
        on conflict (endpoint_id, event_id) where replay_of is null do nothing
        """,
        {
            "ids": [each.id for each in deliveries],
            "endpoint_ids": [each.endpoint_id for each in deliveries],
            "event_ids": [each.happening.event_id for each in deliveries],
            "types": [each.happening.type for each in deliveries],
            "bodies": [each.happening.body for each in deliveries],
            "occurred": [each.happening.occurred_at for each in deliveries],
            "missed": [each.is_missed for each in deliveries],
        },
    )
    return cursor.rowcount


async def note(tx: Tx, claim: Claim, state: DeliveryState, *, wait_ms: int | None) -> bool:
    """Move a delivery by what its try came to; False when this claim ran out meanwhile or the delivery has ended.

    One that is due again is so in `wait_ms`.
    """
    cursor = await tx.execute(
        """
        update webhooks.deliveries
        set state = %(state)s,
            attempts = attempts + 1,
            due_at = clock_timestamp() + %(wait_ms)s * interval '1 millisecond',
            due_set_at = clock_timestamp(),
            ended_at = case when %(wait_ms)s::bigint is null then clock_timestamp() end
        where id = %(id)s
          and claims = %(number)s
          and state = 'claimed'
        """,
        {"id": claim.id, "number": claim.number, "state": state.value, "wait_ms": wait_ms},
    )
    return cursor.rowcount == 1


async def insert_attempt(tx: Tx, claim: Claim, attempt: Attempt) -> None:
    """Store how a try went; `note` has said that it is this claim's."""
    outcome = attempt.outcome
    answer = outcome if isinstance(outcome, Answer) else None
    silence = outcome if isinstance(outcome, NoAnswer) else None
    await tx.execute(
        """
        insert into webhooks.attempts (delivery_id, number, at, address, status, error, took_ms, answer)
        values (%(id)s, %(number)s, %(at)s, %(address)s::inet, %(status)s, %(error)s, %(took_ms)s, %(answer)s)
        """,
        {
            "id": claim.id,
            "number": claim.attempts + 1,
            "at": attempt.at,
            "address": attempt.address,
            "status": answer.status if answer else None,
            "error": silence.error if silence else None,
            "took_ms": attempt.took_ms,
            "answer": answer.body if answer else b"",
        },
    )


async def end_open(tx: Tx, endpoint_ids: Sequence[str], *, limit: int) -> int:
    """End open deliveries of disabled endpoints as failed, `limit` at most, and return how many.

    Their endpoints are locked by `tx`, so that none of them hears of anything meanwhile. What is being claimed or noted
    just now is left for the next time: nobody who disables an endpoint waits for a worker.
    """
    cursor = await tx.execute(
        """
        with chosen as (
            select id
            from webhooks.deliveries
            where endpoint_id = any(%(endpoint_ids)s::text[])
              and state in ('due', 'claimed')
            order by endpoint_id, due_at
            limit %(limit)s
        ),
        open as (
            select id
            from webhooks.deliveries
            where id in (select id from chosen)
              and state in ('due', 'claimed')
            order by id
            for no key update skip locked
        )
        update webhooks.deliveries as ended
        set state = 'failed',
            due_at = null,
            ended_at = clock_timestamp()
        from open
        where ended.id = open.id
        """,
        {"endpoint_ids": list(endpoint_ids), "limit": limit},
    )
    return cursor.rowcount
