"""What one process sees of a database that freezes, throws it out, or is no primary any more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from cashback.kernel import db
from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.processes.embedded import EmbeddedPostgres
from tests.support.facts import eventually

NAME = "of-a-test"
Part = Callable[[Database, asyncio.Event], Awaitable[None]]

NEVER_S = 3_600.0
"""In place of a bound that must not be what ends a test: a test is given two minutes."""
WELL_AGAIN_WITHIN_S = 20.0
IMPATIENT_S = 0.5


class Impatience(asyncio.Event):
    """Is set when a statement comes next; from then on no answer is waited for longer than `IMPATIENT_S`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be patient with what leads to the statement, however long that takes."""
        super().__init__()
        self._monkeypatch = monkeypatch

    def set(self) -> None:
        """Lose patience."""
        self._monkeypatch.setattr(db, "ANSWER_WITHIN_S", IMPATIENT_S)
        super().set()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL that may be paused, for nobody else uses it."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as server:
        yield server


@pytest.fixture
async def database(server: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Give a database with a connection at hand."""
    async with Database.open(server.dsn(), name=NAME) as database:
        await database.ping()
        yield database


@pytest.fixture
def patient_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have psycopg wait for ever for what it would ask for at a cancellation, and us for an answer."""

    async def ask_to_cancel(line: psycopg.AsyncConnection[Any], *, timeout: float = 0.0) -> None:  # noqa: ASYNC109 - as psycopg has it
        """Never be answered."""
        await asyncio.Event().wait()

    monkeypatch.setattr(psycopg.AsyncConnection, "cancel_safe", ask_to_cancel)
    monkeypatch.setattr(db, "ANSWER_WITHIN_S", NEVER_S)


@contextmanager
def paused(server: EmbeddedPostgres) -> Iterator[None]:
    """Freeze the server while the block lasts."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


def asked(server: EmbeddedPostgres, question: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return what the superuser is answered beside the pool."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        cursor = connection.execute(question.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


async def is_gone(server: EmbeddedPostgres, pid: int) -> bool | None:
    """Tell when a backend has ended."""
    gone = not asked(server, "select 1 from pg_stat_activity where pid = %s", pid)
    return True if gone else None


async def works_again(database: Database) -> bool | None:
    """Tell when a transaction comes through."""
    try:
        await database.ping()
    except DatabaseUnavailable:
        return None
    return True


async def in_a_statement(database: Database, begun: asyncio.Event) -> None:
    """Be answered nothing for long."""
    async with database.transaction() as tx:
        begun.set()
        await tx.execute("select pg_sleep(60)")


async def between_statements(database: Database, begun: asyncio.Event) -> None:
    """Hold a transaction open, so that the end would be a rollback."""
    async with database.transaction() as tx:
        await tx.execute("select 1")
        begun.set()
        await asyncio.Event().wait()


async def in_a_session(database: Database, begun: asyncio.Event) -> None:
    """Be answered nothing for long, beside the pool."""
    async with database.session() as session:
        begun.set()
        await session.execute("select pg_sleep(60)")


@pytest.mark.parametrize("part", [in_a_statement, between_statements, in_a_session])
async def test_whoever_is_cancelled_does_not_wait_for_a_frozen_server(
    server: EmbeddedPostgres, database: Database, patient_driver: None, part: Part
) -> None:
    """So SIGTERM ends a process in time, whatever the database does."""
    begun = asyncio.Event()
    working = asyncio.ensure_future(part(database, begun))
    await begun.wait()
    with paused(server):
        working.cancel()
        await asyncio.wait({working}, timeout=WELL_AGAIN_WITHIN_S)
        assert working.cancelled()
    await eventually(lambda: works_again(database), within_s=WELL_AGAIN_WITHIN_S, what="the database works again")


async def test_a_probe_of_a_frozen_server_takes_no_longer_than_its_own_deadline(
    server: EmbeddedPostgres, database: Database, patient_driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/readyz` gives each dependency a second, and the pool's check of a connection gives way to that."""
    monkeypatch.setattr(db, "CHECK_WITHIN_S", NEVER_S)
    with paused(server), pytest.raises(TimeoutError):
        async with asyncio.timeout(IMPATIENT_S):
            await database.ping()


async def test_a_pool_over_a_frozen_server_is_closed_without_waiting_for_it(
    server: EmbeddedPostgres, patient_driver: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections at hand, lent and just being made alike."""
    monkeypatch.setattr(db, "POOL_WAIT_S", IMPATIENT_S)
    with paused(server):
        async with Database.open(server.dsn(), name=NAME) as database:
            asking = asyncio.create_task(database.ping())
            with pytest.raises(DatabaseUnavailable):
                await database.ping()
            asking.cancel()
        await asyncio.wait({asking})


async def test_a_frozen_server_is_told_of_in_bounded_time_and_used_again_when_it_comes_back(
    server: EmbeddedPostgres, database: Database, patient_driver: None
) -> None:
    """Whoever asks for a connection is told by the pool's patience and one check: nothing else ends it here."""
    with paused(server), pytest.raises(DatabaseUnavailable, match="it did not answer in time"):
        await database.ping()
    await eventually(lambda: works_again(database), within_s=WELL_AGAIN_WITHIN_S, what="the database works again")


@pytest.mark.parametrize("part", [in_a_statement, in_a_session])
async def test_a_statement_is_not_waited_for_much_longer_than_the_server_would_let_it_run(
    server: EmbeddedPostgres, database: Database, monkeypatch: pytest.MonkeyPatch, part: Part
) -> None:
    """The server's own timeout bounds nothing when the server is frozen."""
    assert db.STATEMENT_TIMEOUT_MS / 1_000 < db.ANSWER_WITHIN_S < db.STATEMENT_TIMEOUT_MS / 1_000 + 5
    begun = Impatience(monkeypatch)
    working = asyncio.ensure_future(part(database, begun))
    await begun.wait()
    with paused(server), pytest.raises(DatabaseUnavailable, match="it did not answer in time"):
        await working


async def test_the_server_ends_the_statement_of_a_client_that_hung_up(
    server: EmbeddedPostgres, database: Database
) -> None:
    """What a cancelled transaction held, others have soon."""
    begun = asyncio.Event()
    working = asyncio.create_task(in_a_statement(database, begun))
    await begun.wait()
    query = "select pid from pg_stat_activity where application_name = %s and query like %s"

    async def look() -> int | None:
        found = asked(server, query, NAME, "select pg_sleep%")
        return int(found[0][0]) if found else None

    pid = await eventually(look, within_s=WELL_AGAIN_WITHIN_S, what="the statement runs")
    working.cancel()
    await asyncio.wait({working})
    await eventually(lambda: is_gone(server, pid), within_s=WELL_AGAIN_WITHIN_S, what="the backend has ended")


@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
@pytest.mark.parametrize("asks_again", [True, False])
async def test_a_process_that_stood_still_in_a_transaction_finds_the_database_unavailable(
    server: EmbeddedPostgres, database: Database, limit: str, asks_again: bool
) -> None:
    """The server threw it out; it says so whether its next statement or its commit finds out, and goes on."""

    async def stand_still(tx: Tx) -> None:
        """Be thrown out."""
        await tx.execute(f"set local {limit} = 100".encode())
        pid = tx.info.backend_pid
        await eventually(partial(is_gone, server, pid), within_s=WELL_AGAIN_WITHIN_S, what="the backend has ended")
        if asks_again:
            await tx.execute("select 1")

    async def in_the_pool() -> None:
        """Stand still in a transaction as all have it."""
        async with database.transaction() as tx:
            await stand_still(tx)

    async def beside_the_pool() -> None:
        """Stand still in a transaction of a session."""
        async with database.session() as session, session.transaction():
            await stand_still(session)

    for standing in (in_the_pool, beside_the_pool):
        with pytest.raises(DatabaseUnavailable):
            await standing()
    await database.ping()


async def test_a_server_that_is_no_primary_any_more_is_unavailable_and_left(
    server: EmbeddedPostgres, database: Database
) -> None:
    """After a failover another connection may find the new one."""
    pids: list[int] = []

    async def write() -> None:
        """Write to what may only be read."""
        async with database.transaction() as tx:
            pids.append(tx.info.backend_pid)
            await tx.execute("set transaction read only")
            await tx.execute("create table written (note text)")

    async def write_alone() -> None:
        """Likewise, beside the pool."""
        async with database.session() as session:
            pids.append(session.info.backend_pid)
            await session.execute("set default_transaction_read_only = on")
            await session.execute("create table written (note text)")

    for writing in (write, write_alone):
        with pytest.raises(DatabaseUnavailable, match="it is not the primary"):
            await writing()
    for pid in pids:
        await eventually(partial(is_gone, server, pid), within_s=WELL_AGAIN_WITHIN_S, what="its backend has ended")
    await database.ping()


async def test_a_full_disk_is_told_of_as_what_it_is_and_may_pass(database: Database) -> None:
    """To callers and in logs alike; what is read needs no room."""
    fill = "do $$ begin raise disk_full using message = 'could not extend file: No space left on device'; end $$"
    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        async with database.transaction() as tx:
            await tx.execute(fill)
    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        async with database.session() as session:
            await session.execute(fill)
    await database.ping()
