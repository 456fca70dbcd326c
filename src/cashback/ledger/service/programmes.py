"""Programmes: the terms under which cashback is granted, and the budget it comes from."""

from datetime import datetime

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import Currency
from cashback.ledger.model import NewProgramme, Programme, ProgrammeExists, Ruleset
from cashback.ledger.rules import check_terms, funded
from cashback.ledger.service.posting import post
from cashback.ledger.store import programmes as store


class Programmes:
    """Starts programmes; one is in force at a time, for now."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Write to `database`."""
        self._database = database
        self._clock = clock

    async def create(self, terms: NewProgramme) -> Programme:
        """Return the programme of those terms, in force and its budget funded; calling it again changes nothing.

        Raises:
            ProgrammeInvalid: a term breaks a bound.
            ProgrammeExists: another programme is in force, or the name stands for other terms.
        """
        currency = check_terms(terms)
        async with self._database.transaction() as tx:
            await _create(tx, terms, currency, self._clock.now())
            programme = await store.read(tx, name=terms.name)
        if programme is None or terms != _terms(programme):
            raise ProgrammeExists("another programme is in force, or this name stands for other terms", name=terms.name)
        return programme


async def _create(tx: Tx, terms: NewProgramme, currency: Currency, now: datetime) -> None:
    """Store and fund a programme unless one is in the way."""
    ruleset = Ruleset(id=new_id("rul"), programme_id=new_id("prg"), version=1, currency=currency, rate=terms.rate)
    if await store.insert(tx, terms, ruleset, at=now):
        await post(tx, [funded(ruleset, terms.budget)], at=now)


def _terms(programme: Programme) -> NewProgramme:
    """Return the terms that a programme was created with."""
    return NewProgramme(
        name=programme.name,
        currency=programme.ruleset.currency.code,
        rate=programme.ruleset.rate,
        token_rate=programme.conversion.rate,
        budget=programme.budget,
    )
