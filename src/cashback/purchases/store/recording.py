"""Purchases as they are stored, with what waited for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import errors

from cashback.kernel.db import Tx
from cashback.purchases.model import NewPurchase, PurchaseExists
from cashback.purchases.model.refunds import ParkedRefund
from cashback.purchases.store.refunds import parked_of

_REFERENCE_ONCE: Final = "purchase_reference_once"


class Stored(msgspec.Struct, frozen=True):
    """A purchase on its way into the table: its id, when it was received, and the document of its lines."""

    id: str
    purchase: NewPurchase
    received_at: datetime
    lines: bytes | None


async def insert(
    tx: Tx, given: Sequence[Stored], *, at: datetime, since: datetime
) -> list[tuple[ParkedRefund, bytes | None]]:
    """Store purchases, and return the refunds that wait for them, parked after `since`, in order and locked.

    Each refund comes with the document of its lines. Purchases are stored in the order of their names, so two of these
    never wait for each other; what waits is locked before, and by nobody who then waits for a name.

    Raises:
        PurchaseExists: another transaction gave one of the names to a purchase of its own; `tx` is spoilt.
    """
    try:
        cursor = await tx.execute(
            """
            with given as materialized (
                select *
                from unnest(
                    %(ids)b::text[], %(merchants)b::text[], %(users)b::text[], %(references)b::text[],
                    %(amounts)b::bigint[], %(currencies)b::text[], %(occurred)b::timestamptz[],
                    %(received)b::timestamptz[], %(lines)b::bytea[]
                ) as given (id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at,
                            lines)
            ),
            stored as (
                insert into purchases.purchases (id, merchant_id, user_id, reference, amount_minor, currency,
                                                 occurred_at, received_at, created_at, lines)
                select id, merchant_id, user_id, reference, amount_minor, currency, occurred_at, received_at, %(at)s,
                       lines
                from given
                order by merchant_id, reference collate "C"
            )
            select parked.id, parked.merchant_id, purchase_reference, parked.reference, kind, reason,
                   parked.amount_minor, parked.lines, traceparent, parked_at, outcome
            from given
            join purchases.parked_refunds as parked
              on parked.merchant_id = given.merchant_id
             and purchase_reference = given.reference
            where ended_at is null
              and parked_at > %(since)s
            order by position
            for update of parked
            """,
            {**_columns(given), "at": at, "since": since},
        )
        return [(parked_of(row), row[7]) for row in await cursor.fetchall()]
    except errors.UniqueViolation as cause:
        if cause.diag.constraint_name != _REFERENCE_ONCE:
            raise
        raise PurchaseExists("another purchase has this reference", pointer="/reference") from cause


def _columns(given: Sequence[Stored]) -> dict[str, list[Any]]:
    """Return purchases as arrays."""
    purchases = [one.purchase for one in given]
    return {
        "ids": [one.id for one in given],
        "merchants": [purchase.merchant_id for purchase in purchases],
        "users": [purchase.user_id for purchase in purchases],
        "references": [purchase.reference for purchase in purchases],
        "amounts": [purchase.amount_minor for purchase in purchases],
        "currencies": [purchase.currency for purchase in purchases],
        "occurred": [purchase.occurred_at for purchase in purchases],
        "received": [one.received_at for one in given],
        "lines": [one.lines for one in given],
    }
