"""Statements of users: the ledger knows of nobody who has earned nothing yet, so they are looked up first."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from cashback.kernel.ids import is_id
from cashback.kernel.seats import Seats
from cashback.ledger import BalanceAt, Statement, Statements
from cashback.purchases.model import UserUnknown
from cashback.purchases.service.people import People

__all__ = ["BalanceAt", "Statement", "UserStatements"]

AT_ONCE_MAX: Final = 8
"""How many may be written as CSV at a time in a process: each reads for as long as ten minutes."""

AT_ONCE_OF_ONE: Final = 2
"""How many of them may be one API key's."""


class UserStatements:
    """Tells of those whom `people` knows what `statements` does."""

    def __init__(self, people: People, statements: Statements) -> None:
        """Tell nothing yet."""
        self._people = people
        self._statements = statements
        self._seats = Seats("statements")

    def seat(self, party: str | None) -> AbstractContextManager[None]:
        """Have a statement be one of few that are written as CSV at a time.

        Raises:
            Overloaded: so many are.
        """
        return self._seats.taken(party, most=AT_ONCE_MAX, of_one=AT_ONCE_OF_ONE)

    async def page(
        self, user_id: str, *, since: datetime, until: datetime, cursor: str | None, limit: int
    ) -> Statement:
        """Return a page of a user's statement.

        Raises:
            UserUnknown: there is no such user.
            PeriodInvalid, CursorInvalid: as `Statements.page`.
        """
        await self._must_exist(user_id)
        return await self._statements.page(user_id, since=since, until=until, cursor=cursor, limit=limit)

    async def csv(self, user_id: str, *, since: datetime, until: datetime) -> AsyncIterator[str]:
        """Return a user's whole statement as CSV, a piece at a time.

        Raises:
            UserUnknown: there is no such user.
            PeriodInvalid, StatementTooLong: as `Statements.csv`.
        """
        await self._must_exist(user_id)
        return await self._statements.csv(user_id, since=since, until=until)

    async def balance_at(self, user_id: str, *, known_at: datetime | None, effective_at: datetime | None) -> BalanceAt:
        """Return a user's balances at an instant, by one of the two times.

        Raises:
            UserUnknown: there is no such user.
            PeriodInvalid: as `Statements.balance_at`.
        """
        await self._must_exist(user_id)
        return await self._statements.balance_at(user_id, known_at=known_at, effective_at=effective_at)

    async def _must_exist(self, user_id: str) -> None:
        """Return when there is such a user.

        Raises:
            UserUnknown: there is none.
        """
        if not is_id(user_id, "usr"):
            raise UserUnknown("there is no such user", parameter="user_id")
        await self._people.user(user_id)
