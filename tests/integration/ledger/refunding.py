"""Refunds for tests: who makes them, builders, and what a cashback looks like after them."""

from typing import Any

import msgspec

from cashback.ledger import Debts, WriteOffs
from cashback.purchases import DebtWriteOffs, Refunds
from cashback.purchases.model import OPERATOR, Merchant, PurchaseAnswer
from cashback.purchases.model.refunds import NewRefund, RefundAnswer, RefundLine
from tests.integration.ledger.world import World, decoded, new_key


def refunds_of(world: World) -> Refunds:
    """Return whoever makes refunds in this world's API."""
    return Refunds(world.api, clock=world.clock)


def debt_write_offs_of(world: World) -> DebtWriteOffs:
    """Return whoever gives up debts by hand in this world's API."""
    return DebtWriteOffs(world.api, clock=world.clock)


def debts_of(world: World) -> Debts:
    """Return whoever tells this world's debts."""
    return Debts(world.auditor)


def write_offs_of(world: World) -> WriteOffs:
    """Return whoever gives up old debts in this world's worker."""
    return WriteOffs(world.worker, clock=world.clock)


def give_back(purchase: PurchaseAnswer, amount_minor: int | None = None, **changes: object) -> NewRefund:
    """Return a refund of a purchase under a key of its own: all of it unless told otherwise."""
    refund = NewRefund(
        owner=OPERATOR,
        key=new_key(),
        purchase_id=purchase.id,
        amount_minor=int(purchase.amount_minor) if amount_minor is None else amount_minor,
        reason="sent back",
    )
    return msgspec.structs.replace(refund, **changes)


def give_back_lines(purchase: PurchaseAnswer, *lines: tuple[int, int], **changes: object) -> NewRefund:
    """Return a refund of lines of a purchase, as (line, amount)."""
    parts = tuple(RefundLine(line=line, amount_minor=amount) for line, amount in lines)
    return msgspec.structs.replace(give_back(purchase), amount_minor=None, lines=parts, **changes)


def ahead_of(merchant: Merchant, name: str, amount: int, /, **changes: object) -> NewRefund:
    """Return a refund of a purchase that goes by its merchant's name for it."""
    refund = NewRefund(
        owner=OPERATOR,
        key=new_key(),
        merchant_id=merchant.id,
        purchase_reference=name,
        amount_minor=amount,
        reason="sent back",
    )
    return msgspec.structs.replace(refund, **changes)


async def refunded(world: World, *refunds: NewRefund) -> list[RefundAnswer]:
    """Make refunds, all of which must succeed, and return their answers."""
    return [decoded(outcome, RefundAnswer) for outcome in await refunds_of(world).refund(refunds)]


async def standing(world: World, purchase: PurchaseAnswer) -> dict[str, Any]:
    """Return how a purchase's cashback stands: state, what is left, what is paid, requested, kept and owed."""
    names = "state, net_minor, payable_minor, payable_units, requested_units, netted_units, debt_units"
    [row] = await world.rows(f"select {names} from ledger.cashback_ledger where purchase_id = %s", purchase.id)
    return dict(zip(names.split(", "), row, strict=True))


async def balance(world: World, owner: str, kind: str) -> int:
    """Return what an account holds; 0 for one that was never opened."""
    return int(
        await world.one(
            "select coalesce(sum(balance), 0) from ledger.accounts where owner = %s and kind = %s", owner, kind
        )
    )
