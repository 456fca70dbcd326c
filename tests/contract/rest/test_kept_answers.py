"""Answers that were stored before their commands told of more: the document is as true of them as of those of today."""

import json
from typing import Final

import httpx
import pytest

from tests.contract.rest.document import Document
from tests.contract.rest.golden import document

OF_BEFORE: Final = {
    "/v1/webhooks/endpoints/whe_1/replay": {"count": 10_000, "dry_run": False, "more": True},
    "/v1/webhooks/deliveries/whd_1/replay": {
        "id": "whd_2",
        "endpoint_id": "whe_1",
        "event_id": "evt_1",
        "type": "purchase.refunded",
        "occurred_at": "2026-03-01T12:00:00Z",
        "replay_of": "whd_1",
        "state": "due",
        "attempts": 0,
        "due_at": "2026-03-01T12:00:00Z",
        "ended_at": None,
    },
    "/v1/api-keys": {
        "id": "key_1",
        "kind": "operator",
        "merchant_id": None,
        "label": "ops",
        "scopes": None,
        "created_at": "2026-03-01T12:00:00Z",
        "expires_at": None,
        "revoked_at": None,
        "replaces": None,
        "created_by": None,
        "secret": None,
    },
}
"""Answers to commands as they were when members were added: they are stored, and given again for ever."""


@pytest.mark.invariant("I7")
@pytest.mark.parametrize("path", OF_BEFORE)
def test_an_answer_that_is_stored_is_as_the_document_says_for_ever(path: str) -> None:
    """What its command came to tell of since is not required, or a repeat after an upgrade breaks who reads it."""
    request = httpx.Request("POST", f"http://api{path}")
    headers = {"content-type": "application/json", "idempotency-replayed": "true"}
    answer = httpx.Response(201, content=json.dumps(OF_BEFORE[path]), headers=headers, request=request)
    assert Document(document()).complaints(answer) == []
