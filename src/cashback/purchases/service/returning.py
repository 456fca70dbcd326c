"""Returning what was bought, inside the transaction of a refund or of the purchase that a refund had waited for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback import ledger
from cashback.events import to_event
from cashback.events.purchases import PurchaseRefunded
from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.outbox import Event
from cashback.purchases.model.refunds import (
    NewRefund,
    RefundAnswer,
    RefundedPurchase,
    RefundKind,
    RefundState,
    TakenBack,
)
from cashback.purchases.rules import after, costs, decode_lines, encode_parts, problem_of_return, told_parts
from cashback.purchases.store import refunds as store

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """A refund that is about to be applied to its purchase, under its own id; `parked_at` is since when it waited."""

    id: str
    refund: NewRefund
    purchase: RefundedPurchase
    parked_at: datetime | None = None


class Course:
    """How much was returned of some purchases as refund after refund is admitted; their cashbacks are locked."""

    def __init__(self, purchases: Sequence[RefundedPurchase], locked: Mapping[str, ledger.Returnable]) -> None:
        """Begin with what was returned before."""
        self._costs = {one.id: costs(decode_lines(one.lines), one.amount_minor) for one in purchases}
        self._returned = {id_: locked[id_].returned(lines=len(lines)) for id_, lines in self._costs.items()}

    def admit(self, refund: NewRefund, purchase: RefundedPurchase) -> Rejected | None:
        """Count a refund, or return why that cannot be."""
        before = self._returned[purchase.id]
        problem = problem_of_return(
            refund, costs=self._costs[purchase.id], lines_before=before.lines, amount_before=before.amount
        )
        if problem is None:
            lines, amount = after(refund, lines_before=before.lines, amount_before=before.amount)
            self._returned[purchase.id] = ledger.Returned(lines=lines, amount=amount)
        return problem

    def returned(self, purchase: RefundedPurchase) -> ledger.Returned:
        """Return what was returned of a purchase by now."""
        return self._returned[purchase.id]


class Done(msgspec.Struct, frozen=True):
    """What applying a refund came to: its answer, its event, and what it left of the cashback."""

    answer: bytes
    event: Event
    change: ledger.Reversed


async def apply(
    tx: Tx, returns: Sequence[Return], *, locked: Mapping[str, ledger.Returnable], now: datetime
) -> list[Done]:
    """Store admitted refunds and take back what their purchases had earned; the caller appends the events."""
    if not returns:
        return []
    course = Course([one.purchase for one in returns], locked)
    reversals = []
    for one in returns:
        if problem := course.admit(one.refund, one.purchase):
            raise problem
        reversals.append(
            ledger.Reversal(
                purchase_id=one.purchase.id,
                returned=course.returned(one.purchase),
                is_chargeback=one.refund.kind is RefundKind.CHARGEBACK,
            )
        )
    changes = await ledger.take_back(tx, reversals, locked=locked, now=now)
    done = [_done(one, change, now) for one, change in zip(returns, changes, strict=True)]
    await store.insert(
        tx,
        [(one.id, one.refund, one.purchase) for one in returns],
        [encode_parts(one.refund.lines) for one in returns],
        [one.answer for one in done],
        at=now,
    )
    return done


def encoded(answer: RefundAnswer) -> bytes:
    """Return the answer to a refund as it is stored and given again."""
    return _encoder.encode(answer)


def _done(one: Return, change: ledger.Reversed, now: datetime) -> Done:
    """Return what applying one refund came to."""
    refund, purchase = one.refund, one.purchase
    answer = RefundAnswer(
        id=one.id,
        state=RefundState.APPLIED,
        merchant_id=purchase.merchant_id,
        purchase_id=purchase.id,
        purchase_reference=purchase.reference,
        reference=refund.reference,
        kind=refund.kind,
        reason=refund.reason,
        amount_minor=str(refund.total),
        currency=purchase.currency,
        lines=told_parts(refund.lines),
        created_at=one.parked_at or now,
        applied_at=now,
        cashback=TakenBack(
            id=change.cashback.id,
            state=change.state.value,
            net_minor=str(change.net),
            currency=change.cashback.currency,
            debt_units=str(change.debt),
        ),
    )
    body = PurchaseRefunded(
        refund_id=one.id,
        purchase_id=purchase.id,
        merchant_id=purchase.merchant_id,
        user_id=purchase.user_id,
        kind=refund.kind.value,
        amount_minor=answer.amount_minor,
        currency=purchase.currency,
        cashback_id=change.cashback.id,
        net_minor=str(change.net),
        cashback_currency=change.cashback.currency,
        debt_units=str(change.debt),
        reference=refund.reference,
        purchase_reference=purchase.reference,
    )
    event = to_event(body, time=now, traceparent=refund.traceparent)
    return Done(encoded(answer), event, change)
