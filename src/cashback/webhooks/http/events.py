"""The log of events over REST: what endpoints are told, for whoever missed it or has none."""

from datetime import datetime
from typing import Annotated, Any, Final, cast

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from cashback.kernel import instants
from cashback.kernel.http import PAGE_DEFAULT, Cursor, Limit, Page, Terms, principal_of, problems
from cashback.webhooks.model import EventsWanted, Happening
from cashback.webhooks.service.event_log import EventLog

TAG: Final = "Events"

EventId = Annotated[str, PathParameter(description="An event's id, `evt_...`: the `webhook-id` of its deliveries.")]
Type = Annotated[
    str | None, QueryParameter(name="type", max_length=200, description="Only events of this type, `token.minted`.")
]
ObjectId = Annotated[
    str | None, QueryParameter(max_length=64, description="Only of this purchase, `pur_...`, or cashback, `cb_...`.")
]
MerchantId = Annotated[str | None, QueryParameter(max_length=64, description="Only of this merchant, `mer_...`.")]
Since = Annotated[datetime | None, QueryParameter(description="RFC 3339: only what happened from then on.")]
Until = Annotated[datetime | None, QueryParameter(description="RFC 3339: and before then.")]


class PostedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What endpoints are posted of an event, byte for byte.

    `data` is as its type has it in docs/events.md, with `purchase_id`, `user_id` and `merchant_id` whichever it is.
    """

    type: str
    timestamp: datetime
    data: dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the purchase or cashback `object_id`; its `id` is the same wherever it is told.

    `merchant_id` is whose it is: what was given by hand is the operator's alone.
    """

    id: str
    type: str
    object_id: str
    merchant_id: str | None
    occurred_at: datetime
    body: PostedBody


class EventPage(Page[Event], frozen=True):
    """One page of events; `next_cursor` is null on the last one."""


@get("/v1/events", operation_id="listEvents", summary="Events, the newest first", tags=[TAG], responses=problems(404))
async def list_events(  # noqa: PLR0913, PLR0917 - what a list is filtered by, each its own parameter
    request: Request[Any, Any, Any],
    event_log: NamedDependency[EventLog],
    of_type: Type = None,
    object_id: ObjectId = None,
    merchant_id: MerchantId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> EventPage:
    """Return one page of what happened within the last 30 days; a merchant sees what is its own alone.

    10,000 events are looked through for a page of one type: it may have fewer items than there are, and `next_cursor`
    goes on.
    """
    whose = principal_of(request).whose(merchant_id)
    since, until = instants.in_utc(since), instants.in_utc(until)
    wanted = EventsWanted(merchant_id=whose, object_id=object_id, type=of_type, since=since, until=until)
    terms = Terms.of("events", filter=wanted)
    found, place = await event_log.page(wanted, place=terms.place(cursor), limit=limit)
    return EventPage.of([_told(one) for one in found], terms.bound(place))


@get("/v1/events/{event_id:str}", operation_id="showEvent", summary="One event", tags=[TAG], responses=problems(404))
async def show_event(request: Request[Any, Any, Any], event_log: NamedDependency[EventLog], event_id: EventId) -> Event:
    """Return an event with the body that endpoints are posted."""
    return _told(await event_log.event(event_id, seen_by=principal_of(request).merchant_id))


def _told(happening: Happening) -> Event:
    """Return an event as it is told: its body goes into the answer as it is; written anew it may be other bytes."""
    return Event(
        id=happening.event_id,
        type=happening.type,
        object_id=happening.key,
        merchant_id=happening.merchant_id,
        occurred_at=happening.occurred_at,
        body=cast("PostedBody", msgspec.Raw(happening.body)),
    )


EVENT_ROUTES = [list_events, show_event]
