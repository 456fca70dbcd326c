"""What recording a batch of purchases does inside its transaction.

    keep refunds from being parked ──▶ keys ──▶ store ──▶ decide ──▶ apply refunds that had waited ──▶ announce

The cashbacks that are locked after the keys are those of this transaction, which nobody else can see.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from cashback import ledger
from cashback.events import to_event
from cashback.events.purchases import PurchaseCreated
from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id
from cashback.kernel.money import Minor
from cashback.kernel.outbox import Event, append
from cashback.purchases.model import CashbackAnswer, MerchantUnknown, NewPurchase, PurchaseAnswer, Standing, UserUnknown
from cashback.purchases.rules import encode_lines, told
from cashback.purchases.service.naming import names_of, problems_of_names
from cashback.purchases.service.once import Applied
from cashback.purchases.service.parking import PARKED_FOR, catch_up, with_parts
from cashback.purchases.store import recording as store
from cashback.purchases.store import screening

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Recording:
    """Records purchases, has the ledger decide them, and answers with the decisions."""

    def __init__(self, now: datetime, rulesets: ledger.PublishedRulesets) -> None:
        """Record as of `now`, by rules that `rulesets` keeps from one batch to the next."""
        self._now, self._rulesets = now, rulesets
        self._standing: Mapping[str, Standing] = {}

    async def screen(self, tx: Tx, commands: Sequence[NewPurchase]) -> list[Rejected | None]:
        """Refuse what names nobody, or has another's name; from now on nothing is parked for any of them."""
        users = sorted({purchase.user_id for purchase in commands})
        merchants = sorted({purchase.merchant_id for purchase in commands})
        # Before the keys are reserved: who parks refunds holds up recordings first and reserves keys then.
        met = await screening.meet(tx, users=users, merchants=merchants, names=names_of(commands))
        self._standing = met.standing
        problems = await problems_of_names(tx, commands, met.named)
        return [self._refusal(purchase) or problem for purchase, problem in zip(commands, problems, strict=True)]

    async def apply(self, tx: Tx, commands: Sequence[NewPurchase]) -> Applied:
        """Store the purchases with their cashback; the events come last."""
        ids = [new_id("pur") for _ in commands]
        received = [purchase.received_at or self._now for purchase in commands]
        rows = [
            store.Stored(id_, purchase, received_at, encode_lines(purchase.lines))
            for id_, purchase, received_at in zip(ids, commands, received, strict=True)
        ]
        # Nothing is parked for them since they were screened.
        waited = await store.insert(tx, rows, at=self._now, since=self._now - PARKED_FOR)
        parked = [with_parts(refund, parts) for refund, parts in waited]
        claims = [
            self._claim(purchase, id_, received_at)
            for purchase, id_, received_at in zip(commands, ids, received, strict=True)
        ]
        accruals = await ledger.accrue(tx, claims, self._rulesets, now=self._now, gives_back=bool(parked))
        caught = await catch_up(tx, parked, dict(zip(ids, commands, strict=True)), now=self._now)
        left = caught.left()
        events = [self._created(purchase, accrual) for purchase, accrual in zip(commands, accruals, strict=True)]

        async def announce(tx: Tx) -> None:
            """Append the events of both contexts, which lock their partitions until the commit."""
            await append(tx, "purchases", [*events, *caught.events])
            await ledger.announce(tx, accruals, returned=left, changes=caught.changes, now=self._now)

        return Applied(
            answers=[
                _answer(purchase, accrual, received_at, left.get(accrual.claim.purchase_id))
                for purchase, accrual, received_at in zip(commands, accruals, received, strict=True)
            ],
            about=ids,
            announce=announce,
        )

    def _refusal(self, purchase: NewPurchase) -> Rejected | None:
        """Return why a purchase cannot be recorded at all, or None."""
        if purchase.merchant_id not in self._standing:
            return MerchantUnknown("there is no such merchant", pointer="/merchant_id")
        if purchase.user_id not in self._standing:
            return UserUnknown("there is no such user", pointer="/user_id")
        return None

    def _claim(self, purchase: NewPurchase, purchase_id: str, received_at: datetime) -> ledger.Claim:
        """Return what the ledger is told of a purchase."""
        user, merchant = self._standing[purchase.user_id], self._standing[purchase.merchant_id]
        return ledger.Claim(
            purchase_id=purchase_id,
            user_id=purchase.user_id,
            facts=ledger.PurchaseFacts(
                merchant_id=purchase.merchant_id,
                amount=Minor(purchase.amount_minor),
                currency=purchase.currency,
                occurred_at=purchase.occurred_at,
                received_at=received_at,
                mcc=merchant.mcc,
                lines=tuple(
                    ledger.Line(Minor(line.amount_minor), line.sku, line.category) for line in purchase.lines or ()
                ),
                user_tier=user.tier,
                is_user_blocked=not user.may_earn,
                is_merchant_active=merchant.may_earn,
                velocity=ledger.Velocity(is_self_dealing=purchase.user_id in merchant.owners),
            ),
            traceparent=purchase.traceparent,
        )

    def _created(self, purchase: NewPurchase, accrual: ledger.Accrual) -> Event:
        """Return the event of one purchase, in the trace of its request."""
        purchase_id = accrual.claim.purchase_id
        body = PurchaseCreated(
            purchase_id=purchase_id,
            merchant_id=purchase.merchant_id,
            user_id=purchase.user_id,
            amount_minor=str(purchase.amount_minor),
            currency=purchase.currency,
            occurred_at=purchase.occurred_at,
            cashback_id=accrual.cashback_id,
            reference=purchase.reference,
        )
        return to_event(body, time=self._now, traceparent=purchase.traceparent)


def _answer(
    purchase: NewPurchase, accrual: ledger.Accrual, received_at: datetime, change: ledger.Reversed | None
) -> bytes:
    """Return the answer to one purchase, as it is stored and given again; `change` is by refunds that waited for it."""
    state = change.state if change else accrual.state
    cashback = CashbackAnswer(
        id=accrual.cashback_id,
        state=state.value,
        amount_minor=str(accrual.amount),
        currency=accrual.currency,
        token_units=str(accrual.token_units),
        reason=accrual.reason.value,
        explanation=ledger.as_it_stands(ledger.explain_in_full(accrual.judgement), state),
    )
    return _encoder.encode(
        PurchaseAnswer(
            id=accrual.claim.purchase_id,
            merchant_id=purchase.merchant_id,
            user_id=purchase.user_id,
            reference=purchase.reference,
            amount_minor=str(purchase.amount_minor),
            currency=purchase.currency,
            occurred_at=purchase.occurred_at,
            received_at=received_at,
            cashback=cashback,
            lines=told(purchase.lines),
        )
    )
