"""Events, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, path, query


def list_events(
    *,
    type: str | None = None,
    object_id: str | None = None,
    merchant_id: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.EventPage]:
    """Events, the newest first.

    Return one page of what happened within the last 30 days; a merchant sees what is its own alone.

    10,000 events are looked through for a page of one type: it may have fewer items than there are, and `next_cursor`
    goes on.
    """
    return Call(
        method="GET",
        path="/v1/events",
        answer=structs.EventPage,
        query=query(
            ("type", type),
            ("object_id", object_id),
            ("merchant_id", merchant_id),
            ("since", since),
            ("until", until),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )


def show_event(event_id: str) -> Call[structs.Event]:
    """One event.

    Return an event with the body that endpoints are posted.
    """
    return Call(method="GET", path=path("/v1/events/{event_id}", event_id=event_id), answer=structs.Event)
