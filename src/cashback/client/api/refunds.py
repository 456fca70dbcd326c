"""Refunds, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_refunds(
    *,
    purchase_id: str | None = None,
    merchant_id: str | None = None,
    user_id: str | None = None,
    reference: str | None = None,
    kind: structs.RefundKind | None = None,
    created_from: datetime | str | None = None,
    created_to: datetime | str | None = None,
    applied_from: datetime | str | None = None,
    applied_to: datetime | str | None = None,
    order: structs.Order | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.RefundPage]:
    """Refunds that were applied, newest first.

    Return one page of refunds in the order in which they were asked for; a merchant sees its own.

    One that had waited for its purchase has been asked for before others that were applied before it: whoever goes on
    from where they were asks for what was applied since then (`applied_from`), or reads the events.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 refunds are looked at for it. Up to 1,000
    refunds of as many purchases of a user are found among these alone, in whole pages. Those that wait for their
    purchase are at `/v1/refunds/parked`.
    """
    return Call(
        method="GET",
        path="/v1/refunds",
        answer=structs.RefundPage,
        query=query(
            ("purchase_id", purchase_id),
            ("merchant_id", merchant_id),
            ("user_id", user_id),
            ("reference", reference),
            ("kind", kind),
            ("created_from", created_from),
            ("created_to", created_to),
            ("applied_from", applied_from),
            ("applied_to", applied_to),
            ("order", order),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )


def create_refund(body: structs.RefundBody, *, idempotency_key: str) -> Call[structs.RefundAnswer]:
    """Return a purchase, or a part of it.

    Return something of a purchase and take back its share of the cashback, in one transaction.

    Before the mint is requested the cashback shrinks and its budget has the difference; afterwards the user owes
    tokens, which are kept back from what they earn next. Tokens are never seized.
    """
    return Call(
        method="POST",
        path="/v1/refunds",
        answer=structs.RefundAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_refund(refund_id: str) -> Call[structs.RefundAnswer]:
    """One refund.

    Return a refund as it was applied, or how it waits for its purchase; a merchant sees its own.
    """
    return Call(method="GET", path=path("/v1/refunds/{refund_id}", refund_id=refund_id), answer=structs.RefundAnswer)


def list_parked_refunds(
    *, order: structs.Order | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.ParkedPage]:
    """Refunds whose purchase has not come.

    Return refunds that wait for their purchase, waited in vain, or were refused by it, the oldest first.

    A merchant sees its own.
    """
    return Call(
        method="GET",
        path="/v1/refunds/parked",
        answer=structs.ParkedPage,
        query=query(("order", order), ("limit", limit), ("cursor", cursor)),
    )


def list_purchase_refunds(
    purchase_id: str, *, order: structs.Order | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.RefundPage]:
    """Refunds of a purchase, newest first.

    Return one page of what was returned of a purchase; a merchant sees its own.
    """
    return Call(
        method="GET",
        path=path("/v1/purchases/{purchase_id}/refunds", purchase_id=purchase_id),
        answer=structs.RefundPage,
        query=query(("order", order), ("limit", limit), ("cursor", cursor)),
    )
