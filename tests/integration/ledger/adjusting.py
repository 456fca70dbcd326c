"""Adjustments by hand for tests: who makes them, builders, and how a cashback stands after them."""

from typing import Any

import msgspec

from cashback.kernel.db import Database
from cashback.kernel.errors import Rejected
from cashback.ledger import AdjustmentAnswer
from cashback.purchases import Adjustments
from cashback.purchases.model import OPERATOR, Outcome, Refused, User
from cashback.purchases.model.adjustments import CreditByHand, DebitByHand
from tests.integration.ledger.world import World, decoded, new_key

STANDING = "state, net_minor, payable_minor, payable_units, requested_units, netted_units, debt_units, debited_minor"


def adjustments_of(world: World, database: Database | None = None) -> Adjustments:
    """Return who adjusts by hand, in this world's API or in another process that has its own `database`."""
    return Adjustments(database or world.api, clock=world.clock)


def credit_of(user: User, programme_id: str, amount: int = 500, **changes: object) -> CreditByHand:
    """Return a credit under a key of its own: 5.00 USD unless told otherwise."""
    command = CreditByHand(
        owner=OPERATOR,
        key=new_key(),
        user_id=user.id,
        programme_id=programme_id,
        amount_minor=amount,
        person="ada",
        reason="the parcel came late",
    )
    return msgspec.structs.replace(command, **changes)


def debit_of(cashback_id: str, amount: int, **changes: object) -> DebitByHand:
    """Return a debit under a key of its own."""
    command = DebitByHand(
        owner=OPERATOR,
        key=new_key(),
        cashback_id=cashback_id,
        amount_minor=amount,
        person="ada",
        reason="given to the wrong user",
    )
    return msgspec.structs.replace(command, **changes)


async def adjusted(world: World, command: CreditByHand | DebitByHand) -> AdjustmentAnswer:
    """Make an adjustment that must succeed and return its answer."""
    return decoded(await _made(world, command), AdjustmentAnswer)


async def refusal(world: World, command: CreditByHand | DebitByHand) -> tuple[str, object]:
    """Make an adjustment that must be refused, and return its code and where."""
    outcome = await _made(world, command)
    assert isinstance(outcome, Refused), outcome
    return _told(outcome.error)


async def standing_of(world: World, cashback_id: str) -> dict[str, Any]:
    """Return how a cashback stands."""
    [row] = await world.rows(f"select {STANDING} from ledger.cashback_ledger where id = %s", cashback_id)
    return dict(zip(STANDING.split(", "), row, strict=True))


async def _made(world: World, command: CreditByHand | DebitByHand) -> Outcome:
    """Make an adjustment."""
    made = adjustments_of(world)
    return await (made.credit(command) if isinstance(command, CreditByHand) else made.debit(command))


def _told(error: Rejected) -> tuple[str, object]:
    """Return what is said of a refusal."""
    return error.code, error.fields.get("pointer")
