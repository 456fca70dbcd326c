"""What people order of the ledger over REST: verdicts and pauses, each a command done once under its key."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import CashbackError, Rejected
from cashback.kernel.telemetry import logger
from cashback.ledger import CashbackUnknown, PauseAnswer, ProgrammeUnknown, ReviewAnswer
from cashback.purchases.model import FieldInvalid, Outcome, ProgrammePause, Recorded, Refused, ReviewSaid
from cashback.purchases.rules import problem_of_key
from cashback.purchases.service.once import PATIENT_MS, Applied, Once

__all__ = ["CashbackUnknown", "Orders", "PauseAnswer", "ProgrammeUnknown", "ReviewAnswer"]

PERSON_LENGTH_MAX: Final = 200
REASON_LENGTH_MAX: Final = 500

Order: TypeAlias = ReviewSaid | ProgrammePause

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class Orders:
    """Has the ledger do what people order; what it refuses takes the whole transaction with it."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Order nothing yet."""
        self._database = database
        self._clock = clock

    async def give(self, order: Order) -> Outcome:
        """Do an order once; the answer is the ledger's.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        if problem := problem_of_key(order) or _problem_of(order):
            return Refused(problem)
        now = self._clock.now()
        once = Once[Order](self._database, partial(_Operation, now), now=now, patience_ms=PATIENT_MS)
        [result] = await once.do([order])
        if isinstance(result, Rejected):
            return Refused(result)
        if isinstance(result, CashbackError):
            raise result
        if isinstance(result, Recorded) and not result.is_replay:
            log.warning("order.given", order=type(order).__name__, person=order.person, reason=order.reason)
        return result


class _Operation:
    """Does the orders of one transaction."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[Order]) -> list[Rejected | None]:
        del tx
        return [None] * len(commands)

    async def apply(self, tx: Tx, commands: Sequence[Order]) -> Applied:
        return Applied(answers=[_encoder.encode(await _do(tx, order, self._now)) for order in commands])


async def _do(tx: Tx, order: Order, now: datetime) -> msgspec.Struct:
    """Have the ledger do an order and return its answer."""
    match order:
        case ReviewSaid():
            review = ledger.NewReview(
                cashback_id=order.cashback_id,
                verdict=ledger.Verdict(order.verdict),
                person=order.person.strip(),
                reason=order.reason.strip(),
                key_id=order.key_id,
            )
            return await ledger.say(tx, review, now=now)
        case ProgrammePause():
            pause = ledger.Pause(
                is_paused=order.is_paused, person=order.person.strip(), reason=order.reason.strip(), at=now
            )
            return await ledger.set_pause(tx, order.programme_id, pause)


def _problem_of(order: Order) -> Rejected | None:
    """Return what is wrong with who orders and why, or None."""
    for pointer, text, most in (
        ("/person", order.person, PERSON_LENGTH_MAX),
        ("/reason", order.reason, REASON_LENGTH_MAX),
    ):
        if not 0 < len(text.strip()) <= most or not text.isprintable():
            return FieldInvalid(f"this must be 1 to {most} printable characters", pointer=pointer)
    return None
