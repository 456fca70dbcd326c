"""Webhooks, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_webhook_endpoints(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.EndpointPage]:
    """Endpoints.

    Return one page of endpoints, oldest first; a merchant sees its own alone.
    """
    return Call(
        method="GET",
        path="/v1/webhooks/endpoints",
        answer=structs.EndpointPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def create_webhook_endpoint(body: structs.EndpointBody, *, idempotency_key: str) -> Call[structs.Endpoint]:
    """Create an endpoint that hears of events.

    Have events that happen from now on be posted there, signed; the secret is asked for by a call of its own.
    """
    return Call(
        method="POST",
        path="/v1/webhooks/endpoints",
        answer=structs.Endpoint,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_webhook_endpoint(endpoint_id: str, *, if_none_match: str | None = None) -> Call[structs.Endpoint]:
    """One endpoint.

    Return an endpoint: whether it is enabled, why not, and since when it fails.
    """
    return Call(
        method="GET",
        path=path("/v1/webhooks/endpoints/{endpoint_id}", endpoint_id=endpoint_id),
        answer=structs.Endpoint,
        headers=headers(("If-None-Match", if_none_match)),
    )


def change_webhook_endpoint(
    endpoint_id: str, body: structs.EndpointChangeBody, *, idempotency_key: str, if_match: str
) -> Call[structs.Endpoint]:
    """Change where an endpoint is, or what it hears of.

    Have the next try go there, and events of these types from now on, if it is still as the caller has seen it.

    Its secret stays, and what is under way to it is delivered, of whatever type. That it fails outdates no edit; that
    it was disabled does.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/endpoints/{endpoint_id}", endpoint_id=endpoint_id),
        answer=structs.Endpoint,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def show_webhook_secret(endpoint_id: str) -> Call[structs.EndpointSecret]:
    """The newest secret of an endpoint.

    Return what deliveries are signed with; that it was shown, and to which API key, is written down.
    """
    return Call(
        method="GET",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/secret", endpoint_id=endpoint_id),
        answer=structs.EndpointSecret,
    )


def rotate_webhook_secret(
    endpoint_id: str, body: structs.NothingBody | None = None, *, idempotency_key: str
) -> Call[structs.Endpoint]:
    """Give an endpoint a new secret.

    Sign with a new secret from now on; the one before signs beside it for a day, older ones no more.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/rotate", endpoint_id=endpoint_id),
        answer=structs.Endpoint,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def enable_webhook_endpoint(
    endpoint_id: str, body: structs.NothingBody | None = None, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.Endpoint]:
    """Enable an endpoint.

    Have it hear of what happens from now on; what ended meanwhile is replayed if that is asked for.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/enable", endpoint_id=endpoint_id),
        answer=structs.Endpoint,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def disable_webhook_endpoint(
    endpoint_id: str, body: structs.NothingBody | None = None, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.Endpoint]:
    """Disable an endpoint.

    Have it hear of nothing more; what was to be delivered to it ends as failed.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/disable", endpoint_id=endpoint_id),
        answer=structs.Endpoint,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def list_webhook_deliveries(
    endpoint_id: str, *, state: structs.DeliveryState | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.DeliveryPage]:
    """Deliveries to an endpoint, newest first.

    Return one page of the log: of which event each is, how it stands, its last try, and when the next one is.
    """
    return Call(
        method="GET",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/deliveries", endpoint_id=endpoint_id),
        answer=structs.DeliveryPage,
        query=query(("state", state), ("limit", limit), ("cursor", cursor)),
    )


def show_webhook_delivery(delivery_id: str) -> Call[structs.DeliveryWithTries]:
    """One delivery with its tries.

    Return a delivery, and of each try when it was, at which address, and what was answered.
    """
    return Call(
        method="GET",
        path=path("/v1/webhooks/deliveries/{delivery_id}", delivery_id=delivery_id),
        answer=structs.DeliveryWithTries,
    )


def replay_webhook_delivery(
    delivery_id: str, body: structs.NothingBody | None = None, *, idempotency_key: str
) -> Call[structs.DeliveryWithTries]:
    """Make a delivery once more.

    Post the same bytes under the same `webhook-id` again, tried as at first; the answer is the new delivery.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/deliveries/{delivery_id}/replay", delivery_id=delivery_id),
        answer=structs.DeliveryWithTries,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def replay_webhook_endpoint(
    endpoint_id: str, body: structs.ReplayBody, *, idempotency_key: str
) -> Call[structs.WebhookReplay]:
    """Make deliveries of a span of time once more.

    Post 10,000 of them again, those of the last one's instant as well, and say from when on there are others.

    Oldest first; what is under way again already is left out.
    """
    return Call(
        method="POST",
        path=path("/v1/webhooks/endpoints/{endpoint_id}/replay", endpoint_id=endpoint_id),
        answer=structs.WebhookReplay,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )
