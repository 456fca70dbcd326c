"""How a refund is told: as it was applied; or that it waits for its purchase, has waited in vain, was refused by it."""

from datetime import datetime

import msgspec

from cashback.kernel.db import Tx
from cashback.purchases.model.refunds import NewRefund, ParkedRefund, RefundAnswer, RefundState
from cashback.purchases.rules import told_parts
from cashback.purchases.service.parking import PARKED_FOR, with_parts
from cashback.purchases.store import refunds as store


def parked_answer(id_: str, refund: NewRefund, parked_at: datetime) -> RefundAnswer:
    """Return the answer to a refund that waits for its purchase."""
    return RefundAnswer(
        id=id_,
        state=RefundState.PARKED,
        merchant_id=refund.merchant_id or "",
        purchase_id=None,
        purchase_reference=refund.purchase_reference,
        reference=refund.reference,
        kind=refund.kind,
        reason=refund.reason,
        amount_minor=str(refund.total),
        currency=None,
        lines=told_parts(refund.lines),
        created_at=parked_at,
        cashback=None,
    )


def unapplied_answer(parked: ParkedRefund, parts: bytes | None, *, now: datetime) -> RefundAnswer:
    """Return a refund that was never applied in the words that leave the house."""
    answer = parked_answer(parked.id, with_parts(parked, parts).refund, parked.parked_at)
    if parked.outcome is not None:
        return msgspec.structs.replace(answer, state=RefundState.REFUSED, code=parked.outcome)
    is_late = parked.parked_at <= now - PARKED_FOR
    return msgspec.structs.replace(answer, state=RefundState.LAPSED) if is_late else answer


async def read_refund(tx: Tx, refund_id: str, *, merchant_id: str | None, now: datetime) -> RefundAnswer | None:
    """Return a refund as it was applied, or how it waits; only that merchant's, unless it is None.

    What waits is read first: what is applied between the two is then found applied, and the other way round nowhere.
    """
    waiting = (await store.read_parked(tx, [refund_id])).get(refund_id)
    applied = await store.read_answer(tx, refund_id)
    if applied is not None and merchant_id in (None, applied[0]):
        return msgspec.json.decode(applied[1], type=RefundAnswer)
    if waiting is not None and merchant_id in (None, waiting[0].refund.merchant_id):
        return unapplied_answer(*waiting, now=now)
    return None
