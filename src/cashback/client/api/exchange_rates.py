"""Exchange rates, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, headers, query


def list_rates(
    *, base: str | None = None, quote: str | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.RatePage]:
    """Exchange rates, the last put first.

    Return one page, of all pairs or of those that are named.
    """
    return Call(
        method="GET",
        path="/v1/exchange-rates",
        answer=structs.RatePage,
        query=query(("base", base), ("quote", quote), ("limit", limit), ("cursor", cursor)),
    )


def put_rate(body: structs.RateBody, *, idempotency_key: str) -> Call[structs.Rate]:
    """Put an exchange rate.

    Have a rate be in force from its instant on; decisions that were made keep theirs.
    """
    return Call(
        method="POST",
        path="/v1/exchange-rates",
        answer=structs.Rate,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def show_rate(*, base: str, quote: str, at: datetime | str) -> Call[structs.Rate]:
    """The exchange rate in force at an instant.

    Return the latest rate of a pair that is no later than the instant.
    """
    return Call(
        method="GET",
        path="/v1/exchange-rates/current",
        answer=structs.Rate,
        query=query(("base", base), ("quote", quote), ("at", at)),
    )
