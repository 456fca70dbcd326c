"""The superuser's eyes on one database: a connection that is kept, and as new for each statement.

A dozen looks a test are usual, and to connect costs more than most of them.
"""

from contextlib import suppress
from typing import Any

import psycopg


class Witness:
    """Runs each statement in a transaction of its own; whatever it set or locked is over with it."""

    def __init__(self, dsn: str) -> None:
        """Connect when first asked."""
        self._dsn = dsn
        self._idle: psycopg.AsyncConnection | None = None

    async def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a statement returns, if anything; those asked beside each other have connections of their own."""
        line = await self._begun()
        try:
            cursor = await line.execute(statement.encode(), parameters)
            rows = list(await cursor.fetchall()) if cursor.description else []
            await line.execute("commit")
            await line.execute("discard all")
        except BaseException:
            await line.close()
            raise
        if self._idle is None:
            self._idle = line
        else:
            await line.close()
        return rows

    async def close(self) -> None:
        """Hang up."""
        if self._idle is not None:
            await self._idle.close()
            self._idle = None

    async def _begun(self) -> psycopg.AsyncConnection:
        """Return a connection in a new transaction: the one at hand, unless the server ended it meanwhile."""
        line, self._idle = self._idle, None
        if line is not None:
            with suppress(psycopg.OperationalError):
                await line.execute("begin")
                return line
            await line.close()
        line = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, prepare_threshold=None)
        await line.execute("begin")
        return line
