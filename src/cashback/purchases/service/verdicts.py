"""What people order of the ledger over REST: verdicts and pauses, each a command done once under its key."""

from datetime import datetime
from typing import TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.db import Tx
from cashback.kernel.telemetry import logger
from cashback.ledger import CashbackUnknown, PauseAnswer, ProgrammeUnknown, ReviewAnswer
from cashback.purchases.model import Outcome, Recorded
from cashback.purchases.model.verdicts import ProgrammePause, ReviewSaid
from cashback.purchases.service.orders import Orders

__all__ = ["CashbackUnknown", "PauseAnswer", "ProgrammeUnknown", "ReviewAnswer", "Verdicts"]

Said: TypeAlias = ReviewSaid | ProgrammePause

log = logger(__name__)


class Verdicts:
    """Has the ledger do what people say; what it refuses takes the whole transaction with it."""

    def __init__(self, orders: Orders) -> None:
        """Have each done once by `orders`."""
        self._orders = orders

    async def give(self, said: Said) -> Outcome:
        """Do what a person says once; the answer is the ledger's.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        result = await self._orders.do_signed(said, _do)
        if isinstance(result, Recorded) and not result.is_replay:
            id_ = said.cashback_id if isinstance(said, ReviewSaid) else said.programme_id
            log.warning("order.given", order=type(said).__name__, id=id_)
        return result


async def _do(order: Said, tx: Tx, now: datetime) -> msgspec.Struct:
    """Have the ledger do an order and return its answer."""
    match order:
        case ReviewSaid():
            review = ledger.NewReview(
                cashback_id=order.cashback_id,
                verdict=ledger.Verdict(order.verdict),
                person=order.person,
                reason=order.reason,
                key_id=order.key_id,
            )
            return await ledger.say(tx, review, now=now)
        case ProgrammePause():
            pause = ledger.Pause(is_paused=order.is_paused, person=order.person, reason=order.reason, at=now)
            return await ledger.set_pause(tx, order.programme_id, pause)
