"""PostgreSQL: a bounded pool, transactions, and the promise that nobody talks to the network inside one.

A parameter of type `Tx` is a connection inside an open transaction: whoever takes one joins the caller's atomicity.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeAlias, cast

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from cashback.kernel.errors import Broken, Unavailable

Tx: TypeAlias = psycopg.AsyncConnection[TupleRow]

Session: TypeAlias = psycopg.AsyncConnection[TupleRow]
"""A connection in autocommit: each statement stands alone, and is one round trip."""

STATEMENT_TIMEOUT_MS: Final = 30_000
LOCK_TIMEOUT_MS: Final = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 10_000
POOL_WAIT_S: Final = 5.0
POOL_WAITERS_MAX: Final = 2_000

_NOTICE_SILENCE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A lone session waits for ever on a peer that vanished without a word, unless TCP asks (seconds, milliseconds)."""

_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, is shutting down, or a lock or the pool took too long."""

    code = "database_unavailable"


class Database:
    """One service's database as one process sees it."""

    def __init__(self, pool: AsyncConnectionPool[Tx]) -> None:
        """Wrap an open pool."""
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, name: str, connections_max: int = 8) -> AsyncIterator["Database"]:
        """Yield the database behind `dsn`; connections open on demand, so a database that is down is no error here.

        `name` appears as `application_name`, so that an operator can tell the processes apart.
        """
        options = (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c timezone=UTC"
        )
        pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            dsn,
            kwargs={"application_name": name, "options": options, "connect_timeout": 5},
            min_size=1,
            max_size=connections_max,
            max_waiting=POOL_WAITERS_MAX,
            timeout=POOL_WAIT_S,
            reconnect_timeout=5,
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        await pool.open()
        try:
            yield cls(pool)
        finally:
            await pool.close(timeout=2)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a connection inside a transaction that commits when the block ends and rolls back when it raises.

        Raises:
            DatabaseUnavailable: the world failed; nothing was stored, or (when the answer to COMMIT was lost) it is
                unknown whether it was, and the caller's idempotency key decides.
            Broken: a transaction is already open in this task.
        """
        if _inside.get():
            raise Broken("a transaction was opened inside another one")
        token = _inside.set(True)
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, errors.AdminShutdown, PoolTimeout, TooManyRequests) as cause:
            raise DatabaseUnavailable(f"the database did not answer: {type(cause).__name__}") from cause
        finally:
            _inside.reset(token)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Yield a connection of its own beside the pool, in autocommit: for LISTEN, and for loops of lone statements.

        Raises:
            DatabaseUnavailable: it could not be opened, or was lost on the way; the last statement may have happened.
        """
        kwargs: dict[str, Any] = {**cast("dict[str, Any]", self._pool.kwargs), **_NOTICE_SILENCE}
        try:
            connection = await psycopg.AsyncConnection.connect(str(self._pool.conninfo), autocommit=True, **kwargs)
            async with connection:
                yield connection
        except psycopg.OperationalError as cause:
            raise DatabaseUnavailable(f"the database did not answer: {type(cause).__name__}") from cause

    async def ping(self) -> None:
        """Return when the database answered a trivial question.

        Raises:
            DatabaseUnavailable: it did not.
        """
        async with self.transaction() as tx:
            await tx.execute("select 1")


def forbid_in_transaction(what: str) -> None:
    """Assert that no transaction is open in this task; every gateway calls it before it reaches out.

    Raises:
        Broken: one is; the row locks it holds would wait for the network.
    """
    if _inside.get():
        raise Broken(f"{what} was called inside a transaction")
