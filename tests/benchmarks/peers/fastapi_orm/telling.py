"""The events of a recorded purchase, as the last act before its commit."""

from datetime import datetime
from typing import TYPE_CHECKING
from zlib import crc32

from sqlalchemy import func, select

from tests.benchmarks.peers.fastapi_orm.bodies import CashbackApproved, PurchaseCreated
from tests.benchmarks.peers.fastapi_orm.naming import new_id
from tests.benchmarks.peers.fastapi_orm.tables import Cashback, LedgerEvent, Purchase, PurchaseEvent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession  # whose module does not load without greenlet

LANES = 4


async def tell(
    session: "AsyncSession", recorded: Purchase, cashback: Cashback, *, traceparent: str, now: datetime
) -> None:
    """Store the events, under the locks of their lanes: whoever reads by position must miss none."""
    created = _created(recorded, cashback.id)
    created.time, created.traceparent = now, traceparent
    events: list[PurchaseEvent | LedgerEvent] = [created]
    if cashback.amount_minor:
        approved = _approved(cashback)
        approved.time, approved.traceparent = now, traceparent
        events.append(approved)
    outboxes = ("purchases", "ledger")[: len(events)]
    locks = (
        func.pg_advisory_xact_lock(func.hashtext(f"outbox:{outbox}"), event.partition)
        for outbox, event in zip(outboxes, events, strict=True)
    )
    await session.execute(select(*locks))
    session.add_all(events)
    await session.flush()


def _created(recorded: Purchase, cashback_id: str) -> PurchaseEvent:
    """Return the event of a purchase."""
    body = PurchaseCreated(
        purchase_id=recorded.id,
        merchant_id=recorded.merchant_id,
        user_id=recorded.user_id,
        amount_minor=str(recorded.amount_minor),
        currency=recorded.currency,
        occurred_at=recorded.occurred_at,
        cashback_id=cashback_id,
        reference=recorded.reference,
    )
    return PurchaseEvent(
        event_id=new_id("evt"),
        partition=crc32(recorded.id.encode()) % LANES,
        type="purchase.created",
        source="/cashback/purchases",
        key=recorded.id,
        data=body.model_dump_json(exclude_none=True).encode(),
    )


def _approved(cashback: Cashback) -> LedgerEvent:
    """Return the event of a grant."""
    body = CashbackApproved(
        cashback_id=cashback.id,
        purchase_id=cashback.purchase_id,
        user_id=cashback.user_id,
        amount_minor=str(cashback.amount_minor),
        currency=cashback.currency,
        token_units=str(cashback.token_units),
    )
    return LedgerEvent(
        event_id=new_id("evt"),
        partition=crc32(cashback.id.encode()) % LANES,
        type="cashback.approved",
        source="/cashback/ledger",
        key=cashback.id,
        data=body.model_dump_json().encode(),
    )
