"""What an operator orders of the ledger: done once by its key, in the transaction of the key, refused as a whole.

An order is a command, mostly its name and its terms; how it is done is the ledger's. What the ledger refuses rolls
everything back, the key included, so that the same order under the same key may succeed later.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.mistakes import first_of
from cashback.ledger import BudgetChange
from cashback.purchases.model import Command, Order, Outcome, Refused, Signed
from cashback.purchases.rules import as_kept, problem_of_key, problem_of_signature, problem_of_text
from cashback.purchases.service.alone import do_alone, known_before
from cashback.purchases.service.once import PATIENT_MS, Applied, done_or_refused
from cashback.purchases.service.rebuilding import REBUILDERS, Rebuilder
from cashback.purchases.service.subjects import subject_of

Act: TypeAlias = Callable[[Tx, datetime], Awaitable[msgspec.Struct]]
"""Does an order as of an instant and returns its answer; what it raises rolls the order back."""

S = TypeVar("S", bound=Signed)
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What an order is about when its name says the rest, and why it is given."""

    id: str
    reason: str


class Orders:
    """Does operators' orders, each once."""

    def __init__(self, database: Database, *, clock: Clock, rebuilders: Mapping[str, Rebuilder] = REBUILDERS) -> None:
        """Work on `database`; `rebuilders` make answers anew that were forgotten, those of other contexts too."""
        self._database = database
        self._clock = clock
        self._rebuilders = rebuilders

    async def known(self, order: Command) -> Outcome | None:
        """Return what an order's key stands for, None when for nothing yet: before the world is asked anything."""
        return None if problem_of_key(order) else await known_before(self._database, order, now=self._clock.now())

    async def do(self, order: Command, act: Act, *, patience_ms: int = PATIENT_MS) -> Outcome:
        """Do an order that was not done before, by `act`; the answer is what that returns.

        A key that another process holds is waited for so long.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        if problem := first_of(problem_of_key(order), _problem_of_reason(order)):
            return Refused(problem)
        now = self._clock.now()
        result = await do_alone(
            self._database,
            partial(_Deed, act, now),
            order,
            now=now,
            patience_ms=patience_ms,
            rebuilders=self._rebuilders,
        )
        return done_or_refused(result)

    async def do_signed(self, said: S, act: Callable[[S, Tx, datetime], Awaitable[msgspec.Struct]]) -> Outcome:
        """Do what a person says, as `do` does; `act` has it as it is kept, without blanks around person and reason.

        Raises:
            DatabaseUnavailable: it is unknown whether it was done; the same call again finds out.
        """
        if problem := problem_of_signature(said):
            return Refused(problem)
        return await self.do(said, partial(act, as_kept(said)))


def _problem_of_reason(order: Command) -> Rejected | None:
    """Return what is wrong with the reason of an order that has one beside its name; blanks say nothing."""
    match order:
        case Order(terms=Named(reason=reason)) | Order(terms=BudgetChange(reason=reason)):
            return problem_of_text(reason.strip(), "/reason")
        case _:
            return None


class _Deed:
    """Does one kind of order; an instance serves one transaction."""

    def __init__(self, act: Act, now: datetime) -> None:
        self._act = act
        self._now = now

    async def screen(self, tx: Tx, commands: Sequence[Any]) -> list[Rejected | None]:
        del tx
        return [None] * len(commands)

    async def apply(self, tx: Tx, commands: Sequence[Any]) -> Applied:
        answers = [await self._act(tx, self._now) for _ in commands]
        return Applied(
            answers=[_encoder.encode(answer) for answer in answers],
            about=[subject_of(command, answer) for command, answer in zip(commands, answers, strict=True)],
        )
