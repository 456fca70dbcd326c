"""What a batch of refunds does inside its transaction.

find the purchases ──▶ lock their cashbacks ──▶ admit one after the other ──▶ keys ──▶ apply, or park ──▶ announce
      └ none of that name yet: hold up its merchant's recordings, look again, and park what still has none

Everybody takes the parking of merchants first, then cashbacks that others see, then keys. Two refunds of one purchase
wait for each other at its cashback, and each sees what the other left. Recording waits for no cashback: those that it
locks after its keys are its own. So refunds that wait for a key hold nothing that its holder still wants.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from cashback import ledger
from cashback.kernel.db import Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import new_id
from cashback.kernel.outbox import append
from cashback.purchases.model import MerchantUnknown, PurchaseUnknown
from cashback.purchases.model.refunds import NewRefund, PurchaseAmbiguous, RefundedPurchase, RefundExists
from cashback.purchases.rules import as_told_why, encode_parts, problem_of_blanks
from cashback.purchases.service.once import Applied
from cashback.purchases.service.parked_answers import parked_answer
from cashback.purchases.service.returning import Course, Return, apply, encoded
from cashback.purchases.store import idempotency, purchases, refunds
from cashback.purchases.store.idempotency import Key, owned_key

Found: TypeAlias = RefundedPurchase | Rejected | None
"""The purchase of a refund; None when its merchant has none of that name yet."""


class Refunding:
    """Applies refunds, or parks them; an instance serves one transaction."""

    def __init__(self, now: datetime) -> None:
        """Refund as of `now`."""
        self._now = now
        self._locked: dict[str, ledger.Returnable] = {}
        self._purchases: dict[Key, RefundedPurchase | None] = {}

    async def screen(self, tx: Tx, commands: Sequence[NewRefund]) -> list[Rejected | None]:
        """Refuse what names nothing, returns too much, or has a name that another refund has; what is known passes."""
        found = await self._find(tx, commands)
        bought = {one.id: one for one in found if isinstance(one, RefundedPurchase)}
        self._locked = await ledger.lock_returned(tx, sorted(bought))
        # Asked once the cashbacks are locked: whoever else returned something of them has said so by now.
        known = await idempotency.known(tx, [owned_key(command) for command in commands])
        names = [name for command, one in zip(commands, found, strict=True) if (name := _name(command, one))]
        taken: dict[refunds.Name, str | None] = {**await refunds.taken(tx, names)} if names else {}
        course = Course(list(bought.values()), self._locked)
        refusals: list[Rejected | None] = []
        for command, one in zip(commands, found, strict=True):
            is_repeat = owned_key(command) in known or owned_key(command) in self._purchases
            # A reason of blanks was taken once, so a repeat of such a refund is answered as then.
            blank = None if is_repeat else problem_of_blanks(command.reason, "/reason")
            refusal = blank if is_repeat or blank else self._refusal(command, one, course, taken)
            refusals.append(refusal)
        return refusals

    async def apply(self, tx: Tx, commands: Sequence[NewRefund]) -> Applied:
        """Apply what has its purchase and park the rest; the events come last."""
        ids = {owned_key(command): new_id("rfd") for command in commands}
        returns, waiting = [], []
        for command in map(as_told_why, commands):
            purchase = self._purchases[owned_key(command)]
            if purchase is None:
                waiting.append(command)
            else:
                returns.append(Return(id=ids[owned_key(command)], refund=command, purchase=purchase))
        done = await apply(tx, returns, locked=self._locked, now=self._now)
        answers = {ids[owned_key(one.refund)]: each.answer for one, each in zip(returns, done, strict=True)}
        if waiting:
            parked = [(ids[owned_key(command)], command) for command in waiting]
            await refunds.park(tx, parked, [encode_parts(command.lines) for command in waiting], at=self._now)
            answers |= {id_: encoded(parked_answer(id_, command, self._now)) for id_, command in parked}

        async def announce(tx: Tx) -> None:
            """Append the events, which lock their partitions until the commit."""
            await append(tx, "purchases", [one.event for one in done])
            await ledger.announce_returned(tx, [one.change for one in done], now=self._now)

        made = [ids[owned_key(command)] for command in commands]
        return Applied(answers=[answers[id_] for id_ in made], about=made, announce=announce)

    async def _find(self, tx: Tx, commands: Sequence[NewRefund]) -> list[Found]:
        """Return the purchase of each refund, why there is none, or None; then none can come until `tx` ends."""
        found = await _found(tx, commands)
        missing = sorted({command.merchant_id or "" for command, one in zip(commands, found, strict=True) if not one})
        if not missing:
            return found
        merchants = await purchases.standing(tx, users=[], merchants=missing)
        await refunds.close_parking(tx, missing)
        return [
            MerchantUnknown("there is no such merchant", pointer="/merchant_id")
            if one is None and command.merchant_id not in merchants
            else one
            for command, one in zip(commands, await _found(tx, commands), strict=True)
        ]

    def _refusal(
        self, command: NewRefund, found: Found, course: Course, taken: dict[refunds.Name, str | None]
    ) -> Rejected | None:
        """Return why a refund that was never made cannot be made, or count it.

        What `taken` names stands for is told by its id; one of this very batch has none yet.
        """
        if isinstance(found, Rejected):
            return found
        name = _name(command, found)
        if name in taken:
            seen = {} if taken[name] is None else {"refund_id": taken[name]}
            return RefundExists("this name stands for another refund", pointer="/reference", **seen)
        refusal = None if found is None else course.admit(command, found)
        if refusal is None:
            self._purchases[owned_key(command)] = found
            if name is not None:
                taken[name] = None
        return refusal


async def _found(tx: Tx, commands: Sequence[NewRefund]) -> list[Found]:
    """Return the purchase that each refund names, as far as there is one."""
    ids = sorted({command.purchase_id for command in commands if command.purchase_id is not None})
    names = sorted(
        {(command.merchant_id or "", command.purchase_reference) for command in commands if command.purchase_reference}
    )
    known = await refunds.find(tx, ids=ids, names=names)
    by_id = {one.id: one for one in known}
    by_name: dict[tuple[str, str | None], list[RefundedPurchase]] = {}
    for one in known:
        by_name.setdefault((one.merchant_id, one.reference), []).append(one)
    return [_one_of(command, by_id, by_name) for command in commands]


def _one_of(
    command: NewRefund,
    by_id: dict[str, RefundedPurchase],
    by_name: dict[tuple[str, str | None], list[RefundedPurchase]],
) -> Found:
    """Return the purchase that one refund names; what its caller may not see is answered as if it were not there."""
    if command.purchase_id is not None:
        one = by_id.get(command.purchase_id)
        if one is None or command.merchant_id not in (None, one.merchant_id):
            return PurchaseUnknown("there is no such purchase", pointer="/purchase_id")
        return one
    several = by_name.get((command.merchant_id or "", command.purchase_reference), [])
    if len(several) > 1:
        return PurchaseAmbiguous(
            f"{len(several)} purchases have this name; say which by id", pointer="/purchase_reference"
        )
    return several[0] if several else None


def _name(command: NewRefund, found: Found) -> refunds.Name | None:
    """Return the merchant's own name of a refund, if it has one."""
    if command.reference is None or isinstance(found, Rejected):
        return None
    return (command.merchant_id or "" if found is None else found.merchant_id), command.reference
