"""Endpoints over REST: a merchant's own, the operator's to see all."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.http import (
    PAGE_DEFAULT,
    TAG_HEADER,
    Cursor,
    Held,
    IdempotencyKey,
    Limit,
    Page,
    Seen,
    SeenIfTold,
    principal_of,
    problems,
    tagged,
    tagged_problems,
)
from cashback.kernel.http import Terms as ListTerms
from cashback.kernel.http.commands import command_route
from cashback.webhooks.http.asking import TAG, EndpointId, NothingBody, answer, asked_by
from cashback.webhooks.model import TYPES_MAX, URL_LENGTH_MAX, Endpoint
from cashback.webhooks.rules.editing import tag_of_endpoint
from cashback.webhooks.service.commands import Terms, WebhookCommands
from cashback.webhooks.service.readings import WebhookReadings

Url = Annotated[
    str, msgspec.Meta(min_length=1, max_length=URL_LENGTH_MAX, description="`https://`, at a public address.")
]
Types = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=200)]],
    msgspec.Meta(min_length=1, max_length=TYPES_MAX, description="The types of events to hear of."),
]


class EndpointBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new endpoint; an operator that names no merchant makes one of its own, which hears of everybody's events."""

    url: Url
    types: Types
    merchant_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class EndpointChangeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an endpoint is, and what it hears of, from now on; what is left out stays."""

    url: Url | None = None
    types: Types | None = None


class EndpointSecret(msgspec.Struct, frozen=True):
    """What deliveries to an endpoint are signed with: `whsec_` and base64, as Standard Webhooks has it."""

    secret: str


class EndpointPage(Page[Endpoint], frozen=True):
    """One page of endpoints; `next_cursor` is null on the last one."""


@command_route(
    "/v1/webhooks/endpoints",
    operation_id="createWebhookEndpoint",
    summary="Create an endpoint that hears of events",
    tag=TAG,
    makes="/v1/webhooks/endpoints/{endpoint_id}",
)
async def create_endpoint(
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    data: JSONBody[EndpointBody],
    idempotency_key: IdempotencyKey,
) -> Response[Endpoint]:
    """Have events that happen from now on be posted there, signed; the secret is asked for by a call of its own."""
    terms = Terms(merchant_id=data.merchant_id, url=data.url, types=tuple(data.types))
    return answer(await webhook_commands.create(asked_by(request, idempotency_key), terms))


@get(
    "/v1/webhooks/endpoints", operation_id="listWebhookEndpoints", summary="Endpoints", tags=[TAG], responses=problems()
)
async def list_endpoints(
    request: Request[Any, Any, Any],
    webhook_readings: NamedDependency[WebhookReadings],
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = None,
) -> EndpointPage:
    """Return one page of endpoints, oldest first; a merchant sees its own alone."""
    terms = ListTerms.of("endpoints")
    items, place = await webhook_readings.endpoints(
        merchant_id=principal_of(request).merchant_id, place=terms.place(cursor), limit=limit
    )
    return EndpointPage.of(items, terms.bound(place))


@get(
    "/v1/webhooks/endpoints/{endpoint_id:str}",
    operation_id="showWebhookEndpoint",
    summary="One endpoint",
    tags=[TAG],
    response_headers=[TAG_HEADER],
    responses=tagged_problems(404),
)
async def show_endpoint(
    request: Request[Any, Any, Any],
    webhook_readings: NamedDependency[WebhookReadings],
    endpoint_id: EndpointId,
    if_none_match: Held = None,
) -> Response[Endpoint]:
    """Return an endpoint: whether it is enabled, why not, and since when it fails."""
    endpoint = await webhook_readings.endpoint(endpoint_id, merchant_id=principal_of(request).merchant_id)
    return tagged(endpoint, tag_of_endpoint(endpoint), if_none_match)


@command_route(
    "/v1/webhooks/endpoints/{endpoint_id:str}",
    operation_id="changeWebhookEndpoint",
    summary="Change where an endpoint is, or what it hears of",
    tag=TAG,
    meets=(403, 404, 409, 412, 428),
)
async def change_endpoint(  # what the framework hands over, each by its name
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    endpoint_id: EndpointId,
    data: JSONBody[EndpointChangeBody],
    idempotency_key: IdempotencyKey,
    if_match: Seen,
) -> Response[Endpoint]:
    """Have the next try go there, and events of these types from now on, if it is still as the caller has seen it.

    Its secret stays, and what is under way to it is delivered, of whatever type. That it fails outdates no edit; that
    it was disabled does.
    """
    terms = Terms(id=endpoint_id, url=data.url or "", types=tuple(data.types or ()))
    return answer(await webhook_commands.change(asked_by(request, idempotency_key), terms, tag=if_match))


@get(
    "/v1/webhooks/endpoints/{endpoint_id:str}/secret",
    operation_id="showWebhookSecret",
    summary="The newest secret of an endpoint",
    tags=[TAG],
    responses=problems(404, 409),
)
async def show_secret(
    request: Request[Any, Any, Any], webhook_commands: NamedDependency[WebhookCommands], endpoint_id: EndpointId
) -> EndpointSecret:
    """Return what deliveries are signed with; that it was shown, and to which API key, is written down."""
    principal = principal_of(request)
    secret = await webhook_commands.secret(endpoint_id, merchant_id=principal.merchant_id, by=principal.key_id)
    return EndpointSecret(secret)


@command_route(
    "/v1/webhooks/endpoints/{endpoint_id:str}/rotate",
    operation_id="rotateWebhookSecret",
    summary="Give an endpoint a new secret",
    tag=TAG,
)
async def rotate_secret(
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    endpoint_id: EndpointId,
    data: JSONBody[NothingBody],
    idempotency_key: IdempotencyKey,
) -> Response[Endpoint]:
    """Sign with a new secret from now on; the one before signs beside it for a day, older ones no more."""
    del data
    return answer(await webhook_commands.rotate(asked_by(request, idempotency_key), endpoint_id))


@command_route(
    "/v1/webhooks/endpoints/{endpoint_id:str}/enable",
    operation_id="enableWebhookEndpoint",
    summary="Enable an endpoint",
    tag=TAG,
    meets=(403, 404, 409, 412),
)
async def enable_endpoint(  # as above
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    endpoint_id: EndpointId,
    data: JSONBody[NothingBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[Endpoint]:
    """Have it hear of what happens from now on; what ended meanwhile is replayed if that is asked for."""
    del data
    return answer(await webhook_commands.enable(asked_by(request, idempotency_key), endpoint_id, tag=if_match))


@command_route(
    "/v1/webhooks/endpoints/{endpoint_id:str}/disable",
    operation_id="disableWebhookEndpoint",
    summary="Disable an endpoint",
    tag=TAG,
    meets=(403, 404, 409, 412),
)
async def disable_endpoint(  # as above
    request: Request[Any, Any, Any],
    webhook_commands: NamedDependency[WebhookCommands],
    endpoint_id: EndpointId,
    data: JSONBody[NothingBody],
    idempotency_key: IdempotencyKey,
    if_match: SeenIfTold = None,
) -> Response[Endpoint]:
    """Have it hear of nothing more; what was to be delivered to it ends as failed."""
    del data
    return answer(await webhook_commands.disable(asked_by(request, idempotency_key), endpoint_id, tag=if_match))


ENDPOINT_ROUTES = [
    create_endpoint,
    list_endpoints,
    show_endpoint,
    change_endpoint,
    show_secret,
    rotate_secret,
    enable_endpoint,
    disable_endpoint,
]
