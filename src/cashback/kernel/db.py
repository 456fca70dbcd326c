"""PostgreSQL: a bounded pool, transactions, and the promise that nobody talks to the network inside one.

A parameter of type `Tx` is a connection inside an open transaction: whoever takes one joins the caller's atomicity.

Nothing here waits without bound, not even for a server that vanished without a word: a free connection is had within
`POOL_WAIT_S` and a check, a statement is answered within `ANSWER_WITHIN_S`, and whoever is cancelled hangs up at once.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, LiteralString, Self, TypeAlias, cast

import psycopg
from psycopg import errors, waiting
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from cashback.kernel import arrays
from cashback.kernel.errors import Broken, Unavailable
from cashback.kernel.pools import FAILURES, POOLS, RoundTrip
from cashback.kernel.refusals import Refusal
from cashback.kernel.servers import connecting, each_within_s

Tx: TypeAlias = psycopg.AsyncConnection[TupleRow]

Session: TypeAlias = psycopg.AsyncConnection[TupleRow]
"""A connection in autocommit: each statement stands alone, and is one round trip."""

STATEMENT_TIMEOUT_MS: Final = 30_000
LOCK_TIMEOUT_MS: Final = 5_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 4_000  # shorter than others wait for a lock (ADR 0057)
CLIENT_GONE_WITHIN_MS: Final = 1_000
"""How soon the server ends the statement of a client that hung up; between statements it notices at once."""

ANSWER_WITHIN_S: Final = STATEMENT_TIMEOUT_MS / 1_000 + 2.0
"""A server that is well ends a statement before; this is for one that is frozen or out of reach."""

POOL_WAIT_S: Final = 5.0
POOL_WAITERS_MAX: Final = 2_000
CHECK_WITHIN_S: Final = 2.0
CLOSE_WITHIN_S: Final = 0.25

_NOTICE_SILENCE: Final = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""How TCP finds out that the peer vanished without a word, long before the system's quarter of an hour (s, ms)."""

_WORLD_FAILED: Final = (
    psycopg.OperationalError,
    # "Internal" to psycopg, by their class 25: we stood still for too long inside a transaction, or it is no primary.
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.ReadOnlySqlTransaction,
)

_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached, is shutting down, is full, lacks a partition, or kept us waiting too long."""

    code = "database_unavailable"


class Line(psycopg.AsyncConnection[TupleRow]):
    """A connection that hangs up where psycopg would ask the server to cancel and stay for the answer, up to 10 s.

    A server that lives notices and rolls back; one that does not is not waited for.
    """

    longer_by_s = 0.0
    refusal: Refusal

    @classmethod
    async def connect(  # type: ignore[override]  # psycopg's options are passed on, whichever they are
        cls,
        conninfo: str = "",
        *,
        refusal: Refusal | None = None,
        **options: Any,  # noqa: ANN401 - as above
    ) -> Self:
        """Return a new connection, and have `refusal` know what the server said instead.

        Raises:
            OperationalError: there is none; a pool tries again instead of telling why.
        """
        heard = Refusal() if refusal is None else refusal
        try:
            async with connecting():
                connection = await super().connect(conninfo, **options)
        except psycopg.OperationalError as cause:
            heard.hear(cause)
            raise
        heard.forget()
        connection.refusal = heard
        arrays.register(connection)
        return connection

    async def execute(  # type: ignore[override]  # psycopg's options are passed on, whichever they are
        self,
        query: LiteralString,
        params: Mapping[str, object] | None = None,
        **options: Any,  # noqa: ANN401 - as above
    ) -> psycopg.AsyncCursor[TupleRow]:
        """Return the cursor of a statement, whose arrays are written as the types that it casts them to."""
        return await super().execute(query, params and arrays.packed(query, params), **options)

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:  # noqa: ASYNC109 - psycopg's signature
        """Return the answer; after `ANSWER_WITHIN_S` without one, or the caller's own `timeout` (s), there is none.

        Raises:
            ConnectionTimeout: the connection is closed, and what became of the statement is unknown.
        """
        within_s = ANSWER_WITHIN_S + self.longer_by_s
        try:
            with RoundTrip(is_one=timeout is None):
                async with asyncio.timeout(within_s if timeout is None else None):
                    return await waiting.wait_async(gen, self.pgconn.socket, interval=interval, timeout=timeout)
        except TimeoutError as cause:
            self.pgconn.finish()
            raise errors.ConnectionTimeout(f"no answer within {within_s:g} s") from cause
        except asyncio.CancelledError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        """Commit or roll back; whoever is cancelled does not wait for the rollback."""
        if isinstance(exc_val, asyncio.CancelledError):
            self.pgconn.finish()
        await super().__aexit__(exc_type, exc_val, exc_tb)


class Database:
    """One service's database as one process sees it."""

    def __init__(self, pool: AsyncConnectionPool[Tx], refusal: Refusal | None = None) -> None:
        """Wrap an open pool, whose connections have `refusal` know why there are none."""
        self._pool = pool
        self._refusal = refusal or Refusal()
        self._lent = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, dsn: str, *, name: str, connections_max: int = 8) -> AsyncIterator["Database"]:
        """Yield the database behind `dsn`; connections open on demand, so a database that is down is no error here.

        `name` appears as `application_name`, so that an operator can tell the processes apart.
        Of several servers in `dsn` the first that answers is taken: with `target_session_attrs=read-write` the primary.
        """
        options = (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS}"
            f" -c client_connection_check_interval={CLIENT_GONE_WITHIN_MS} -c timezone=UTC"
        )
        refusal = Refusal()
        pool: AsyncConnectionPool[Tx] = AsyncConnectionPool(
            dsn,
            name=name,
            connection_class=Line,
            kwargs={
                "autocommit": True,
                "application_name": name,
                "options": options,
                "connect_timeout": each_within_s(dsn),
                "refusal": refusal,
                **_NOTICE_SILENCE,
            },
            min_size=1,
            max_size=connections_max,
            max_waiting=POOL_WAITERS_MAX,
            timeout=POOL_WAIT_S,
            reconnect_timeout=5,
            check=_begin,
            open=False,
        )
        await pool.open()
        POOLS.add(pool)
        try:
            yield cls(pool, refusal)
        finally:
            await pool.close(timeout=CLOSE_WITHIN_S)

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
        token, lent = _inside.set(True), 0
        try:
            async with self._pool.connection() as connection:
                lent = 1
                self._lent += lent
                try:
                    yield connection
                except errors.ReadOnlySqlTransaction:
                    # Not for the next one to fail on: a new connection may find the new primary.
                    await connection.close()
                    raise
        except _WORLD_FAILED as cause:
            raise self._unavailable(cause) from cause
        except errors.CheckViolation as cause:
            # Without a constraint it is no row's fault: a partitioned table lacks the partition of today.
            if cause.diag.constraint_name is not None:
                raise
            raise DatabaseUnavailable("the database lacks a partition for a row") from cause
        finally:
            self._lent -= lent
            _inside.reset(token)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Yield a connection of its own beside the pool, in autocommit: for LISTEN, and for loops of lone statements.

        Raises:
            DatabaseUnavailable: it could not be opened, or was lost on the way; the last statement may have happened.
        """
        kwargs = cast("dict[str, Any]", self._pool.kwargs)
        try:
            async with await Line.connect(str(self._pool.conninfo), **kwargs) as connection:
                yield connection
        except _WORLD_FAILED as cause:
            raise self._unavailable(cause) from cause

    def _unavailable(self, cause: psycopg.Error) -> DatabaseUnavailable:
        """Return the failure; why the server lets nobody in is a note for whoever runs the process, not for callers."""
        FAILURES.inc()
        why = self._refusal.why(cause, lent=self._lent, connections_max=self._pool.max_size)
        if why:
            return DatabaseUnavailable(f"the database did not answer: {why}")
        failure = DatabaseUnavailable("the database refused the connection")
        failure.add_note(self._refusal.words)
        return failure

    async def ping(self) -> None:
        """Return when the database answered a trivial question.

        Raises:
            DatabaseUnavailable: it did not.
        """
        async with self.transaction() as tx:
            await tx.execute("select 1")


@asynccontextmanager
async def long_statements(tx: Tx, *, within_s: int) -> AsyncIterator[None]:
    """Let each statement of the block take up to `within_s` seconds: for a question about the whole of large tables.

    What follows the block in the same transaction has as long on the server, and the usual time here.
    """
    await tx.execute("select set_config('statement_timeout', %(ms)s, true)", {"ms": str(within_s * 1_000)})
    line = cast("Line", tx)
    line.longer_by_s = within_s - STATEMENT_TIMEOUT_MS / 1_000
    try:
        yield
    finally:
        line.longer_by_s = 0.0


async def lengthen_statements(session: Session, *, within_s: int) -> None:
    """Let each statement of `session` take up to `within_s` seconds from now on: `long_statements` is for a `Tx`."""
    await session.execute("select set_config('statement_timeout', %(ms)s, false)", {"ms": str(within_s * 1_000)})
    cast("Line", session).longer_by_s = within_s - STATEMENT_TIMEOUT_MS / 1_000


async def _begin(connection: Tx) -> None:
    """Begin a transaction, which finds out whether a connection still answers; the pool's own check has no bound.

    Raises:
        TimeoutError, OperationalError: it does not; the pool makes another one.
    """
    with cast("Line", connection).refusal.silent_when_late():
        async with asyncio.timeout(CHECK_WITHIN_S):
            await connection.execute("begin")


def forbid_in_transaction(what: str) -> None:
    """Assert that no transaction is open in this task; every gateway calls it before it reaches out.

    Raises:
        Broken: one is; the row locks it holds would wait for the network.
    """
    if _inside.get():
        raise Broken(f"{what} was called inside a transaction")
