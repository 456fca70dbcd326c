"""Refunds that came before their purchase: applied in the transaction that records it.

A refund is parked while nobody records purchases of its merchant, and a purchase is recorded while nobody parks for it:
one of the two sees the other, always. Both see to that before they reserve an idempotency key, which may be the same.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from cashback import ledger
from cashback.kernel.db import Tx
from cashback.kernel.outbox import Event
from cashback.purchases.model import NewPurchase
from cashback.purchases.model.refunds import NewRefund, ParkedRefund, RefundedPurchase, RefundExists
from cashback.purchases.rules import decode_parts, encode_lines
from cashback.purchases.service.returning import Course, Return, apply
from cashback.purchases.store import refunds as store

PARKED_FOR: Final = timedelta(days=90)
"""So long a refund waits for its purchase; after that a person looks at it."""

APPLIED: Final = "applied"


class Caught(msgspec.Struct, frozen=True):
    """What refunds that had waited did to the cashbacks of some purchases, one after the other, and their events."""

    changes: list[ledger.Reversed]
    events: list[Event]

    def left(self) -> dict[str, ledger.Reversed]:
        """Return what they have left, by purchase."""
        return {change.cashback.purchase_id or "": change for change in self.changes}


async def catch_up(
    tx: Tx, parked: Sequence[ParkedRefund], purchases: Mapping[str, NewPurchase], *, now: datetime
) -> Caught:
    """Apply what had waited for these purchases, by their ids, and end what they refuse."""
    if not parked:
        return Caught([], [])
    by_name = {(one.merchant_id, one.reference): _refunded(id_, one) for id_, one in purchases.items()}
    pairs = [(one, by_name[one.refund.merchant_id or "", one.refund.purchase_reference]) for one in parked]
    bought = {purchase.id: purchase for _, purchase in pairs}
    locked = await ledger.lock_returned(tx, sorted(bought))
    taken = await _taken(tx, parked)
    course = Course(list(bought.values()), locked)
    returns, outcomes = [], {}
    for one, purchase in pairs:
        refusal = RefundExists("") if one.id in taken else course.admit(one.refund, purchase)
        outcomes[one.id] = refusal.code if refusal else APPLIED
        if not refusal:
            returns.append(Return(id=one.id, refund=one.refund, purchase=purchase, parked_at=one.parked_at))
    done = await apply(tx, returns, locked=locked, now=now)
    await store.end_parked(tx, outcomes, at=now)
    return Caught([each.change for each in done], [each.event for each in done])


def with_parts(parked: ParkedRefund, parts: bytes | None) -> ParkedRefund:
    """Return a parked refund with its lines."""
    lines = decode_parts(parts)
    if lines is None:
        return parked
    refund: NewRefund = msgspec.structs.replace(parked.refund, lines=lines, amount_minor=None)
    return msgspec.structs.replace(parked, refund=refund)


async def _taken(tx: Tx, parked: Sequence[ParkedRefund]) -> set[str]:
    """Return the ids of those whose name was given to another refund meanwhile."""
    names: dict[store.Name, str] = {}
    for one in parked:
        if one.refund.reference is not None:
            names[one.refund.merchant_id or "", one.refund.reference] = one.id
    applied = await store.applied(tx, list(names)) if names else set()
    return {names[name] for name in applied}


def _refunded(id_: str, purchase: NewPurchase) -> RefundedPurchase:
    """Return a purchase that is being recorded as a refund sees it."""
    return RefundedPurchase(
        id=id_,
        merchant_id=purchase.merchant_id,
        user_id=purchase.user_id,
        reference=purchase.reference,
        amount_minor=purchase.amount_minor,
        currency=purchase.currency,
        lines=encode_lines(purchase.lines),
    )
