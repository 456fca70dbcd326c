"""Whoever looks on: one connection of the superuser that stays open, and a world that is looked at through it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import psycopg

from tests.integration.ledger.world import Dsns, World, open_world

Rows: TypeAlias = list[tuple[Any, ...]]
Question: TypeAlias = tuple[str, tuple[object, ...]]
"""A statement and its parameters."""


class Sight:
    """One connection of the superuser that looks on, since everything is looked at after each step."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Look through `connection`, which is in autocommit."""
        self._connection = connection

    async def rows(self, statement: str, *parameters: object) -> Rows:
        """Return what a statement finds."""
        cursor = await self._connection.execute(statement.encode(), parameters, prepare=True)
        return list(await cursor.fetchall()) if cursor.description else []

    async def answers(self, questions: Sequence[Question]) -> list[Rows]:
        """Return what each statement finds, all in one round trip."""
        async with self._connection.pipeline():
            cursors = [
                await self._connection.execute(statement.encode(), parameters, prepare=True)
                for statement, parameters in questions
            ]
        return [list(await cursor.fetchall()) for cursor in cursors]

    async def one(self, statement: str, *parameters: object) -> Any:  # noqa: ANN401  # whatever is asked for
        """Return the only value that a statement finds."""
        return (await self.rows(statement, *parameters))[0][0]


class Watched(World):
    """A world whose superuser stays connected: a connection for each look would cost more than the look."""

    sight: Sight

    async def rows(self, statement: str, *parameters: object) -> Rows:
        """Return what the superuser sees."""
        return await self.sight.rows(statement, *parameters)


@asynccontextmanager
async def watched(dsns: Dsns) -> AsyncIterator[Watched]:
    """Give a world over one database that is looked at through a connection of its own."""
    async with (
        await psycopg.AsyncConnection.connect(dsns.superuser, autocommit=True) as connection,
        open_world(dsns, connections_max=2, kind=Watched) as world,
    ):
        assert isinstance(world, Watched)
        world.sight = Sight(connection)
        # A copy of a ledger mints nothing before a worker has heard that nobody knows a number of it.
        await world.rows("select ledger.account_for_numbers(0)")
        yield world


__all__ = ["Question", "Rows", "Sight", "Watched", "watched"]
