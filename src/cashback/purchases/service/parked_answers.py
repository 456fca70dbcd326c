"""How a refund is told: as it was applied; or that it waits for its purchase, has waited in vain, was refused by it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback.kernel.db import Tx
from cashback.purchases.model.refunds import NewRefund, ParkedRefund, RefundAnswer, RefundState
from cashback.purchases.rules import told_parts
from cashback.purchases.service.parking import PARKED_FOR, with_parts
from cashback.purchases.service.returning import encoded
from cashback.purchases.store import refunds as store


class _Told(msgspec.Struct, frozen=True):
    """What an answer tells of when it was applied, whatever else."""

    applied_at: datetime | None = None


_told: Final = msgspec.json.Decoder(_Told)
_answers: Final = msgspec.json.Decoder(RefundAnswer)


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


async def as_applied(tx: Tx, answers: Sequence[bytes]) -> list[bytes]:
    """Return how refunds that were applied are told: in the bytes that are kept, with both of their instants.

    What was stored before they had two tells when it was applied alone: since when it had waited is looked up.
    """
    old = {
        place: _answers.decode(answer)
        for place, answer in enumerate(answers)
        if _told.decode(answer).applied_at is None
    }
    if not old:
        return list(answers)
    since = await store.waited_since(tx, [one.id for one in old.values()])
    whole = {
        place: msgspec.structs.replace(one, created_at=since.get(one.id, one.created_at), applied_at=one.created_at)
        for place, one in old.items()
    }
    return [encoded(whole[place]) if place in whole else answer for place, answer in enumerate(answers)]


async def read_refund(tx: Tx, refund_id: str, *, merchant_id: str | None, now: datetime) -> RefundAnswer | None:
    """Return a refund as it was applied, or how it waits; only that merchant's, unless it is None.

    What waits is read first: what is applied between the two is then found applied, and the other way round nowhere.
    """
    waiting = (await store.read_parked(tx, [refund_id])).get(refund_id)
    applied = await store.read_answer(tx, refund_id)
    if applied is not None and merchant_id in (None, applied[0]):
        [answer] = await as_applied(tx, [applied[1]])
        return _answers.decode(answer)
    if waiting is not None and merchant_id in (None, waiting[0].refund.merchant_id):
        return unapplied_answer(*waiting, now=now)
    return None
