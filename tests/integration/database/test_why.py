"""Why a database is not to be had is told in words of ours, one for each way in which that comes about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import psycopg
import pytest

from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.processes.embedded import EmbeddedPostgres, free_port
from tests.support.pools import holding

NAME = "why-of-a-test"
Doing = Callable[[EmbeddedPostgres, Tx], Awaitable[None]]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait for a connection for long."""
    monkeypatch.setattr("cashback.kernel.db.POOL_WAIT_S", 0.2)


async def told(failing: Awaitable[object]) -> str:
    """Return what somebody is told who finds the database not to be had."""
    with pytest.raises(DatabaseUnavailable) as caught:
        await failing
    return caught.value.detail


@pytest.mark.parametrize(
    "connections, words", [(1, "the only connection is in use"), (2, "all 2 connections are in use")]
)
async def test_a_pool_that_has_none_left_says_how_many_it_has(
    provided: EmbeddedPostgres, impatient: None, connections: int, words: str
) -> None:
    """Afterwards there are some again."""
    async with Database.open(provided.dsn(), name=NAME, connections_max=connections) as database:
        await database.ping()
        async with AsyncExitStack() as held:
            for _ in range(connections):
                await held.enter_async_context(holding(database))
            assert await told(database.ping()) == f"the database did not answer: {words}"
        await database.ping()


@pytest.fixture
async def nowhere(provided: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Give a database at an address where nobody listens."""
    async with Database.open(provided.dsn().replace(f":{provided.port}/", f":{free_port()}/"), name=NAME) as database:
        yield database


async def in_a_session(database: Database) -> None:
    """Open a session and do nothing in it."""
    async with database.session():
        pass


async def test_an_address_where_nobody_listens_is_told_as_that(nowhere: Database, impatient: None) -> None:
    """By the pool too, which goes on trying until whoever waits has lost patience."""
    words = "the database did not answer: nothing listens at its address"
    assert [await told(in_a_session(nowhere)), await told(nowhere.ping())] == [words, words]


async def test_a_name_that_leads_nowhere_is_told_as_that() -> None:
    """What is asked for a name says no more than that."""
    async with Database.open("postgresql://nobody@nowhere.invalid/nothing", name=NAME) as database:
        assert await told(in_a_session(database)) == "the database did not answer: its name leads nowhere"


async def too_slow(_: EmbeddedPostgres, tx: Tx) -> None:
    """Have a statement take longer than it may."""
    await tx.execute("set local statement_timeout = 50")
    await tx.execute("select pg_sleep(60)")


async def locked(server: EmbeddedPostgres, tx: Tx) -> None:
    """Wait in vain for what somebody else keeps locked."""
    async with await psycopg.AsyncConnection.connect(server.dsn()) as other:
        await other.execute("select pg_advisory_xact_lock(7)")
        await tx.execute("set local lock_timeout = 50")
        await tx.execute("select pg_advisory_xact_lock(7)")


async def thrown_out(server: EmbeddedPostgres, tx: Tx) -> None:
    """Be thrown out, as everybody is whom a server that shuts down does not wait for."""
    with psycopg.connect(server.dsn(), autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", (tx.info.backend_pid,))
    await tx.execute("select 1")


async def cancelled(_: EmbeddedPostgres, tx: Tx) -> None:
    """Have the statement cancelled by somebody."""
    await tx.execute("select pg_cancel_backend(pg_backend_pid())")


async def out_of_memory(_: EmbeddedPostgres, tx: Tx) -> None:
    """Hear of what is too rare to be brought about."""
    await tx.execute("do $$ begin raise out_of_memory using message = 'out of memory'; end $$")


@pytest.mark.parametrize(
    "doing, words",
    [
        (too_slow, "a statement took longer than it may"),
        (locked, "others kept locked what was asked for"),
        (thrown_out, "it is shutting down, or somebody ended the connection"),
        (cancelled, "a statement was cancelled"),
        (out_of_memory, "it is out of memory"),
    ],
)
async def test_what_the_server_says_by_its_number_is_told_in_words(
    provided: EmbeddedPostgres, doing: Doing, words: str
) -> None:
    """The number is a class to the driver, and nothing to a person."""

    async def doing_it() -> None:
        """Do it in a transaction."""
        async with database.transaction() as tx:
            await doing(provided, tx)

    async with Database.open(provided.dsn(), name=NAME) as database:
        assert await told(doing_it()) == f"the database did not answer: {words}"
        await database.ping()


async def test_whom_the_server_does_not_let_in_reads_its_words_beside_ours(provided: EmbeddedPostgres) -> None:
    """They name users: a note for whoever runs the process, and nothing for those who call it."""
    wrong = provided.dsn(password="wrong")
    async with Database.open(wrong, name=NAME) as database:
        with pytest.raises(DatabaseUnavailable) as caught:
            await in_a_session(database)
    assert caught.value.detail == "the database refused the connection"
    assert caught.value.__notes__ == ['password authentication failed for user "postgres"']
