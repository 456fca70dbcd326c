"""Mint numbers, held against each other: what minting was asked for, what is known here, what the ledger has given out.

minting ──every second: the highest it was asked for──▶ remembered
ledger  ──the highest it has given out──────────────▶ lower than what is known? minting halts: `ledger_behind`
"""

from typing import Final

from cashback.chain.model import KnownNumber
from cashback.chain.service.halting import halt
from cashback.chain.store import numbers
from cashback.kernel.db import Database
from cashback.kernel.errors import Invalid
from cashback.kernel.money import MINT_NUMBER_MAX

_BEHIND: Final = "the ledger has given out numbers up to {ledger}, and {known} is known here: its database is older"


class NumberImpossible(Invalid):
    """A number was told that no ledger gives out."""

    code = "number_impossible"


class Numbers:
    """Remembers and compares; both may be repeated."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._database = database

    async def take(self, number: int) -> KnownNumber:
        """Remember the highest number that minting was asked for; return the highest that is known now.

        Raises:
            NumberImpossible: no ledger gives it out.
        """
        _check(number)
        async with self._database.transaction() as tx:
            await numbers.tell(tx, number)
            return await numbers.known(tx)

    async def compare(self, given_out: int) -> tuple[KnownNumber, bool]:
        """Return the highest number that is known, and whether the ledger, which has `given_out` less, is behind it.

        Then minting is halted: what the ledger has forgotten it would give out again.

        Raises:
            NumberImpossible: no ledger gives it out.
        """
        _check(given_out)
        async with self._database.transaction() as tx:
            known = await numbers.known(tx)
            is_behind = given_out < known.number
            if is_behind:
                await halt(tx, "ledger_behind", detail=_BEHIND.format(ledger=given_out, known=known.number))
        return known, is_behind


def _check(number: int) -> None:
    """Raise `NumberImpossible` when a number is out of range."""
    if not 0 <= number <= MINT_NUMBER_MAX:
        raise NumberImpossible(f"mint numbers are between 0 and {MINT_NUMBER_MAX}", pointer="number")
