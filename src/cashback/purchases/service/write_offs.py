"""Giving up what a user owes: a command like any other, done by the ledger in the transaction of its key."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.ids import is_id
from cashback.kernel.mistakes import first_of
from cashback.kernel.money import TokenUnits
from cashback.kernel.telemetry import logger
from cashback.purchases.model import FieldInvalid, Outcome, Recorded, Refused
from cashback.purchases.model.refunds import DebtWriteOff, WriteOffAnswer
from cashback.purchases.rules import as_kept, problem_of_key, problem_of_signature
from cashback.purchases.service.alone import do_alone
from cashback.purchases.service.once import Applied, done_or_refused

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class DebtWriteOffs:
    """Gives up debts in the name of a person."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Work on `database`."""
        self._database = database
        self._clock = clock

    async def write_off(self, command: DebtWriteOff) -> Outcome:
        """Give up a user's debt once; the answer is a `WriteOffAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it was given up; the same call again finds out.
        """
        if problem := first_of(problem_of_key(command), _problem(command), problem_of_signature(command)):
            return Refused(problem)
        now = self._clock.now()
        result = done_or_refused(await do_alone(self._database, partial(_WriteOff, now), command, now=now))
        if isinstance(result, Recorded) and not result.is_replay:
            log.warning("debt.written_off", user_id=command.user_id)
        return result


class _WriteOff:
    """Gives up debts; what the ledger refuses takes the whole transaction with it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[DebtWriteOff]) -> list[Rejected | None]:
        del tx
        return [None] * len(commands)

    async def apply(self, tx: Tx, commands: Sequence[DebtWriteOff]) -> Applied:
        answers = []
        for command in map(as_kept, commands):
            given_up = await ledger.write_off(
                tx,
                command.user_id,
                most=None if command.token_units is None else TokenUnits(command.token_units),
                person=command.person,
                reason=command.reason,
                now=self._now,
            )
            answers.append(
                _encoder.encode(
                    WriteOffAnswer(
                        user_id=command.user_id,
                        token_units=str(given_up),
                        person=command.person,
                        reason=command.reason,
                        at=self._now,
                    )
                )
            )
        return Applied(answers=answers, about=[command.user_id for command in commands])


def _problem(command: DebtWriteOff) -> Rejected | None:
    """Return what is wrong with whose debt is to be given up, or with how much of it, or None."""
    if not is_id(command.user_id, "usr"):
        return ledger.never_in_debt()
    if command.token_units == 0:
        return FieldInvalid("what is given up must be 1 base unit at least", pointer="/token_units")
    return None
