"""The log of deliveries over REST, and delivering again."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, principal_of, problems
from cashback.kernel.http import Terms as ListTerms
from cashback.kernel.http.commands import command_route
from cashback.webhooks.http.asking import TAG, DeliveryId, EndpointId, NothingBody, answer, asked_by
from cashback.webhooks.model import TYPES_MAX, DeliveryState, DeliveryStory, DeliveryWithTries, Span
from cashback.webhooks.service.commands import Terms, WebhookCommands, WebhookReplay
from cashback.webhooks.service.readings import WebhookReadings

State = Annotated[DeliveryState | None, QueryParameter(name="state", description="Only deliveries in this state.")]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="With its offset.")]


class DeliveryPage(Page[DeliveryStory], frozen=True):
    """One page of deliveries; `next_cursor` is null on the last one."""


class ReplayBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries to make again: those that ended, of events that happened in `[since, until)`.

    Of these types, each one that there is, and in these states, `delivered` and `failed`, of all of them when none is
    named.
    """

    since: Instant
    until: Instant
    types: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=TYPES_MAX)] = []
    states: Annotated[list[DeliveryState], msgspec.Meta(max_length=len(DeliveryState))] = []
    dry_run: Annotated[bool, msgspec.Meta(description="Count them alone.")] = False


@get(
    "/v1/webhooks/endpoints/{endpoint_id:str}/deliveries",
    operation_id="listWebhookDeliveries",
    summary="Deliveries to an endpoint, newest first",
    tags=[TAG],
    responses=problems(404),
)
async def list_deliveries(
    request: Request[Any, Any, Any],
    webhook_readings: NamedDependency[WebhookReadings],
    endpoint_id: EndpointId,
    in_state: State = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> DeliveryPage:
    """Return one page of the log: of which event each is, how it stands, its last try, and when the next one is."""
    seen_by, terms = principal_of(request), ListTerms.of("deliveries", endpoint_id=endpoint_id, state=in_state)
    items, place = await webhook_readings.deliveries(
        endpoint_id, merchant_id=seen_by.merchant_id, state=in_state, place=terms.place(cursor), limit=limit
    )
    return DeliveryPage.of(items, terms.bound(place))


@get(
    "/v1/webhooks/deliveries/{delivery_id:str}",
    operation_id="showWebhookDelivery",
    summary="One delivery with its tries",
    tags=[TAG],
    responses=problems(404),
)
async def show_delivery(
    request: Request[Any, Any, Any], webhook_readings: NamedDependency[WebhookReadings], delivery_id: DeliveryId
) -> DeliveryWithTries:
    """Return a delivery, and of each try when it was, at which address, and what was answered."""
    return await webhook_readings.delivery(delivery_id, merchant_id=principal_of(request).merchant_id)


@command_route(
    "/v1/webhooks/deliveries/{delivery_id:str}/replay",
    operation_id="replayWebhookDelivery",
    summary="Make a delivery once more",
    tag=TAG,
    makes="/v1/webhooks/deliveries/{delivery_id}",
)
async def replay_delivery(
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    delivery_id: DeliveryId,
    data: JSONBody[NothingBody],
    idempotency_key: IdempotencyKey,
) -> Response[DeliveryWithTries]:
    """Post the same bytes under the same `webhook-id` again, tried as at first; the answer is the new delivery."""
    del data
    return answer(await webhook_commands.replay_delivery(asked_by(request, idempotency_key), delivery_id))


@command_route(
    "/v1/webhooks/endpoints/{endpoint_id:str}/replay",
    operation_id="replayWebhookEndpoint",
    summary="Make deliveries of a span of time once more",
    tag=TAG,
)
async def replay_endpoint(
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    endpoint_id: EndpointId,
    data: JSONBody[ReplayBody],
    idempotency_key: IdempotencyKey,
) -> Response[WebhookReplay]:
    """Post 10,000 of them again, those of the last one's instant as well, and say from when on there are others.

    Oldest first; what is under way again already is left out.
    """
    terms = Terms(
        id=endpoint_id,
        types=tuple(data.types),
        states=tuple(data.states),
        span=Span(since=data.since, until=data.until),
        dry_run=data.dry_run,
    )
    return answer(await webhook_commands.replay_endpoint(asked_by(request, idempotency_key), terms))


DELIVERY_ROUTES = [list_deliveries, show_delivery, replay_delivery, replay_endpoint]
