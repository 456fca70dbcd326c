"""Merchants, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_merchants(
    *,
    name: str | None = None,
    is_active: bool | None = None,
    order: structs.Order | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.MerchantPage]:
    """Merchants, newest first.

    Return one page of merchants in the order in which they were created; a merchant sees itself only.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 merchants are looked at for it.
    """
    return Call(
        method="GET",
        path="/v1/merchants",
        answer=structs.MerchantPage,
        query=query(("name", name), ("is_active", is_active), ("order", order), ("limit", limit), ("cursor", cursor)),
    )


def create_merchant(body: structs.MerchantBody, *, idempotency_key: str) -> Call[structs.Merchant]:
    """Create a merchant; `POST /v1/api-keys` then gives it an API key."""
    return Call(
        method="POST",
        path="/v1/merchants",
        answer=structs.Merchant,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_merchant(merchant_id: str, *, if_none_match: str | None = None) -> Call[structs.Merchant]:
    """One merchant.

    Return a merchant; a merchant sees itself only.
    """
    return Call(
        method="GET",
        path=path("/v1/merchants/{merchant_id}", merchant_id=merchant_id),
        answer=structs.Merchant,
        headers=headers(("If-None-Match", if_none_match)),
    )


def change_merchant(
    merchant_id: str, body: structs.MerchantNameBody, *, idempotency_key: str, if_match: str
) -> Call[structs.Merchant]:
    """Give a merchant another name.

    Call it so from now on, if it is still as the caller has seen it; category and owners are set by themselves.
    """
    return Call(
        method="POST",
        path=path("/v1/merchants/{merchant_id}", merchant_id=merchant_id),
        answer=structs.Merchant,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def set_merchant_facts(
    merchant_id: str, body: structs.MerchantFactsBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.Merchant]:
    """Set a merchant's category and owners.

    Have rules know its category, and what its owners buy there as self-dealing, from now on.

    Both are set at once: without `owners` it has none from now on, and without `mcc` no category. Who changes one of
    them sends the other as `GET /v1/merchants/{merchant_id}` tells it, with the `ETag` of that in `If-Match`.
    """
    return Call(
        method="POST",
        path=path("/v1/merchants/{merchant_id}/facts", merchant_id=merchant_id),
        answer=structs.Merchant,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def deactivate_merchant(
    merchant_id: str, body: structs.OrderBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.ActivityAnswer]:
    """Deactivate a merchant.

    Have purchases recorded there from now on earn nothing, until that is ended; what was granted lives on.

    Its API keys go on: it still records purchases and refunds.
    """
    return Call(
        method="POST",
        path=path("/v1/merchants/{merchant_id}/deactivate", merchant_id=merchant_id),
        answer=structs.ActivityAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def activate_merchant(
    merchant_id: str, body: structs.OrderBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.ActivityAnswer]:
    """Activate a merchant again.

    Have purchases recorded there from now on earn again; those of the meantime are not decided anew.
    """
    return Call(
        method="POST",
        path=path("/v1/merchants/{merchant_id}/activate", merchant_id=merchant_id),
        answer=structs.ActivityAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def list_deactivations(
    merchant_id: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[structs.ActivityPage]:
    """Who deactivated and activated a merchant, and why, newest first.

    Return one page of each deactivation and each end of one; a merchant is not told why, it sees since when.
    """
    return Call(
        method="GET",
        path=path("/v1/merchants/{merchant_id}/deactivations", merchant_id=merchant_id),
        answer=structs.ActivityPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )
