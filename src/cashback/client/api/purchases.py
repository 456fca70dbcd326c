"""Purchases, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_purchases(
    *,
    merchant_id: str | None = None,
    user_id: str | None = None,
    reference: str | None = None,
    currency: str | None = None,
    occurred_from: datetime | str | None = None,
    occurred_to: datetime | str | None = None,
    received_from: datetime | str | None = None,
    received_to: datetime | str | None = None,
    expand: str | None = None,
    order: structs.Order | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.PurchasePage]:
    """Purchases, newest first.

    Return one page of purchases in the order in which they were recorded; a merchant sees its own.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 purchases are looked at for it. Up to
    1,000 purchases of a user at a merchant are found among these alone, in whole pages.
    """
    return Call(
        method="GET",
        path="/v1/purchases",
        answer=structs.PurchasePage,
        query=query(
            ("merchant_id", merchant_id),
            ("user_id", user_id),
            ("reference", reference),
            ("currency", currency),
            ("occurred_from", occurred_from),
            ("occurred_to", occurred_to),
            ("received_from", received_from),
            ("received_to", received_to),
            ("expand", expand),
            ("order", order),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )


def create_purchase(body: structs.PurchaseBody, *, idempotency_key: str) -> Call[structs.PurchaseAnswer]:
    """Record a purchase and answer with its cashback decision, made in the same transaction."""
    return Call(
        method="POST",
        path="/v1/purchases",
        answer=structs.PurchaseAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_purchase(purchase_id: str, *, expand: str | None = None) -> Call[structs.PurchaseStory]:
    """One purchase with its cashback's timeline.

    Return a purchase as it was recorded, and everything that became of it; a merchant sees its own.
    """
    return Call(
        method="GET",
        path=path("/v1/purchases/{purchase_id}", purchase_id=purchase_id),
        answer=structs.PurchaseStory,
        query=query(("expand", expand)),
    )


def create_purchases(body: structs.BulkBody, *, idempotency_key: str) -> Call[structs.BulkAnswer]:
    """Record many purchases.

    Record up to 1,000 purchases, each by itself: one that is refused harms no other.

    The key stands for all of them. A request that was cut off is sent again as it was: what was recorded is answered
    again, and what was not is recorded, or tried again where it was refused.
    """
    return Call(
        method="POST",
        path="/v1/purchases/bulk",
        answer=structs.BulkAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def stream_purchases(body: bytes, *, idempotency_key: str) -> Call[structs.StreamAnswer]:
    """Record purchases line by line.

    Record up to 100,000 purchases of newline-delimited JSON, each line one that `POST /v1/purchases` takes.

    They are recorded while they come, and a line that is refused harms no other. A stream that was cut off is sent
    again as it was: what was recorded is counted as replayed. Each line has a key made of the stream's and its number.
    """
    return Call(
        method="POST",
        path="/v1/purchases/stream",
        answer=structs.StreamAnswer,
        body=body,
        content_type="application/x-ndjson",
        headers=headers(("Idempotency-Key", idempotency_key)),
    )
