"""Delivering again: under the same event id, with the same bytes, tried as at first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.webhooks.model import (
    REPLAYS_MAX,
    DeliveryState,
    DeliveryUnknown,
    Endpoint,
    EndpointDisabled,
    EndpointState,
    Replayed,
    Span,
)
from cashback.webhooks.service.owning import owned
from cashback.webhooks.store import endpoints
from cashback.webhooks.store import replays as store

ENDED = (DeliveryState.DELIVERED, DeliveryState.FAILED)
_JUST_AFTER: Final = timedelta(microseconds=1)
"""The least by which two instants differ, in the database as here."""


async def replay_one(tx: Tx, delivery_id: str, *, merchant_id: str | None, by: str) -> str:
    """Deliver once more what a delivery has, and return the new delivery's id.

    Raises:
        DeliveryUnknown: there is none such, or it is to another merchant's endpoint.
        EndpointDisabled: its endpoint hears of nothing.
    """
    first_id, endpoint = await _first_of(tx, delivery_id, merchant_id=merchant_id)
    new = new_id("whd")
    if not await _repeat(tx, endpoint, [first_id], [new], by=by):
        raise DeliveryUnknown("there is no such delivery", parameter="delivery_id")
    return new


async def replay_many(
    tx: Tx,
    endpoint_id: str,
    *,
    merchant_id: str | None,
    span: Span,
    states: Sequence[DeliveryState] = ENDED,
    types: Sequence[str] = (),
    dry_run: bool = False,
    by: str,
) -> Replayed:
    """Deliver once more what ended of the events of a span, oldest first; a `dry_run` counts alone.

    10,000 at a time and what happened at the same instant as the last of them, since whoever goes on does so by an
    instant, and what one commit has told of has one. It returns with where the others begin. What is under way again
    already is left out, so that asking twice doubles nothing.

    Raises:
        EndpointUnknown: there is none such, or it is another merchant's.
        EndpointDisabled: it hears of nothing.
    """
    endpoint = await owned(tx, endpoint_id, merchant_id=merchant_id)

    async def found(since: datetime, limit: int) -> list[tuple[str, datetime]]:
        """Return so many of them and those of the last one's instant, from an instant on."""
        rest = Span(since=since, until=span.until)
        return await store.replayable(tx, endpoint_id, span=rest, states=states, types=types, limit=limit)

    firsts = await found(span.since, REPLAYS_MAX)
    # That one is there, and not how many came, says whether there are others.
    others = await found(firsts[-1][1] + _JUST_AFTER, 1) if len(firsts) >= REPLAYS_MAX else []
    count = len(firsts)
    if firsts and not dry_run:
        first_ids = [first_id for first_id, _ in firsts]
        count = await _repeat(tx, endpoint, first_ids, [new_id("whd") for _ in first_ids], by=by)
    return Replayed(count, others[0][1] if others else None)


async def _repeat(tx: Tx, endpoint: Endpoint, first_ids: Sequence[str], ids: Sequence[str], *, by: str) -> int:
    """Store the new deliveries of an endpoint that is locked, and return how many; none of what was just forgotten.

    Raises:
        EndpointDisabled: it hears of nothing.
    """
    if endpoint.state is EndpointState.DISABLED:
        raise EndpointDisabled("the endpoint is disabled: enable it first", endpoint_id=endpoint.id)
    count = await store.repeat(tx, first_ids, ids)
    await endpoints.journal(tx, endpoint.id, what="replayed", by=by, detail=f"{count} deliveries")
    return count


async def _first_of(tx: Tx, delivery_id: str, *, merchant_id: str | None) -> tuple[str, Endpoint]:
    """Return the first delivery of what a delivery repeats, and its endpoint, locked.

    Raises:
        DeliveryUnknown: there is none such, or it is to another merchant's endpoint.
    """
    found = await store.first_of(tx, delivery_id)
    endpoint = None if found is None else await endpoints.locked(tx, found[1])
    if found is None or endpoint is None or merchant_id not in {None, endpoint.merchant_id}:
        raise DeliveryUnknown("there is no such delivery", parameter="delivery_id")
    return found[0], endpoint
