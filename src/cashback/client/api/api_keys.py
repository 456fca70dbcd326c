"""API keys, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_api_keys(*, limit: int | None = None, cursor: str | None = None) -> Call[structs.ApiKeyPage]:
    """API keys, about the newest first.

    Return one page of keys, without their secrets, revoked ones included; a merchant sees its own alone.
    """
    return Call(
        method="GET", path="/v1/api-keys", answer=structs.ApiKeyPage, query=query(("limit", limit), ("cursor", cursor))
    )


def create_api_key(body: structs.ApiKeyBody, *, idempotency_key: str) -> Call[structs.NewApiKeyAnswer]:
    """Create an API key.

    Make a key that may do no more than the caller's, nor for longer; a repeat tells it without its secret.
    """
    return Call(
        method="POST",
        path="/v1/api-keys",
        answer=structs.NewApiKeyAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_api_key(key_id: str) -> Call[structs.ApiKeyAnswer]:
    """One API key.

    Return a key without its secret: what it was made for, and until when.
    """
    return Call(method="GET", path=path("/v1/api-keys/{key_id}", key_id=key_id), answer=structs.ApiKeyAnswer)


def rotate_api_key(key_id: str, body: structs.RotationBody, *, idempotency_key: str) -> Call[structs.NewApiKeyAnswer]:
    """Replace an API key.

    Make a key with the same rights; the old one goes on for `overlap_s`. A repeat tells it without its secret.
    """
    return Call(
        method="POST",
        path=path("/v1/api-keys/{key_id}/rotate", key_id=key_id),
        answer=structs.NewApiKeyAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def revoke_api_key(
    key_id: str, body: structs.RevocationBody | None = None, *, idempotency_key: str
) -> Call[structs.ApiKeyAnswer]:
    """Revoke an API key.

    Have a key open nothing any more: at once in the process that answers, within five seconds in every other.
    """
    return Call(
        method="POST",
        path=path("/v1/api-keys/{key_id}/revoke", key_id=key_id),
        answer=structs.ApiKeyAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )
