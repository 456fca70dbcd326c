"""The superuser's eyes on databases: a connection that is kept, and as new for each statement.

A dozen looks a test are usual, fifty a second where something is waited for, and to connect costs more than most looks.
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


class Lookout:
    """The same without asyncio and for several databases: each statement commits by itself. Threads may share it."""

    def __init__(self) -> None:
        """Connect when first asked."""
        self._idle: dict[str, psycopg.Connection] = {}

    def rows(self, dsn: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what a statement returns; those asked beside each other have connections of their own."""
        line = self._as_new(dsn)
        try:
            rows = line.execute(statement.encode(), parameters).fetchall()
        except BaseException:
            line.close()
            raise
        if self._idle.setdefault(dsn, line) is not line:
            line.close()
        return rows

    def close(self) -> None:
        """Hang up everywhere: a database that is copied or renamed has nobody in it. Whoever asks again connects."""
        while self._idle:
            self._idle.popitem()[1].close()

    def _as_new(self, dsn: str) -> psycopg.Connection:
        """Return a connection in which nothing was done: the one at hand, unless the server ended it meanwhile."""
        line = self._idle.pop(dsn, None)
        if line is not None:
            with suppress(psycopg.OperationalError):
                line.execute("discard all")
                return line
            line.close()
        return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
