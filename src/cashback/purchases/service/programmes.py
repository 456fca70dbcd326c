"""Starting programmes: a command like any other, done by the ledger in the transaction of its key."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from cashback import ledger
from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Rejected
from cashback.kernel.money import TokenUnits
from cashback.kernel.telemetry import logger
from cashback.ledger import Conditions, MintLimit, ProgrammeAnswer
from cashback.purchases.model import Order, Outcome, ProgrammeStart, Recorded, Refused
from cashback.purchases.rules import problem_of_key
from cashback.purchases.service.alone import do_alone, known_before
from cashback.purchases.service.once import Applied, done_or_refused
from cashback.purchases.service.orders import Named, Orders

__all__ = ["Conditions", "ProgrammeAnswer", "Programmes"]

_encoder: Final = msgspec.json.Encoder(order="deterministic")
log = logger(__name__)


class Programmes:
    """Starts and ends programmes; one is in force for each currency that is paid in."""

    def __init__(self, database: Database, *, clock: Clock, mint_limit: MintLimit | None = None) -> None:
        """Work on `database`; without `mint_limit` nobody asks how much is minted at once."""
        self._database = database
        self._clock = clock
        self._mint_limit = mint_limit

    async def create(self, start: ProgrammeStart) -> Outcome:
        """Start a programme once; the answer is a `ProgrammeAnswer`. The same terms under another key change nothing.

        Raises:
            DatabaseUnavailable: it is unknown whether it was started; the same call again finds out.
        """
        if problem := problem_of_key(start):
            return Refused(problem)
        if (known := await known_before(self._database, start, now=self._clock.now())) is not None:
            return known
        limit = None if self._mint_limit is None else await self._mint_limit.told()
        now = self._clock.now()
        result = done_or_refused(await do_alone(self._database, partial(_Start, now, limit), start, now=now))
        if isinstance(result, Recorded) and not result.is_replay:
            _log(msgspec.json.decode(result.answer, type=ProgrammeAnswer), now)
        return result

    async def end(self, caller: Order, programme_id: str, *, reason: str) -> Outcome:
        """End a programme once; the answer is a `ProgrammeAnswer`.

        Raises:
            DatabaseUnavailable: it is unknown whether it ended; the same call again finds out.
        """
        order = msgspec.structs.replace(caller, what="end_programme", terms=Named(id=programme_id, reason=reason))
        return await Orders(self._database, clock=self._clock).do(
            order, lambda tx, now: ledger.end_programme(tx, programme_id, reason=reason, now=now)
        )


class _Start:
    """Starts the programmes of some terms; what the ledger refuses takes the whole transaction with it."""

    def __init__(self, now: datetime, mint_limit: TokenUnits | None) -> None:
        self._now = now
        self._mint_limit = mint_limit

    async def screen(self, tx: Tx, commands: Sequence[ProgrammeStart]) -> list[Rejected | None]:
        del tx
        return [None] * len(commands)

    async def apply(self, tx: Tx, commands: Sequence[ProgrammeStart]) -> Applied:
        programmes = [
            await ledger.start_programme(tx, _terms(command), now=self._now, mint_limit=self._mint_limit)
            for command in commands
        ]
        return Applied(
            answers=[_encoder.encode(ledger.programme_answer(programme)) for programme in programmes],
            about=[programme.id for programme in programmes],
        )


def _log(programme: ProgrammeAnswer, now: datetime) -> None:
    """Note a programme that was started just now; the same terms again are answered with the one that there is."""
    if programme.created_at == now:
        log.info("programme.started", programme_id=programme.id)


def _terms(start: ProgrammeStart) -> ledger.NewProgramme:
    """Return the terms of a programme to be."""
    conditions = start.conditions if isinstance(start.conditions, ledger.Conditions) else ledger.Conditions()
    return ledger.NewProgramme(
        name=start.name,
        currency=start.currency,
        rate=start.rate,
        token_rate=start.token_rate,
        budget=start.budget,
        conditions=conditions,
    )
