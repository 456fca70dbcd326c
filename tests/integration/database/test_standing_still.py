"""What a process that stands still inside a transaction holds, and for how long."""

import asyncio
from pathlib import Path

import pytest

from cashback.kernel.db import Database, DatabaseUnavailable
from cashback.processes.embedded import EmbeddedPostgres


@pytest.mark.deep
async def test_a_lock_of_a_process_that_stands_still_is_had_by_whoever_waits_for_it(tmp_path: Path) -> None:
    """The server throws out who says nothing in a transaction before others, by the same numbers, give up waiting."""
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as server:
        async with Database.open(server.dsn(), name="standing") as database:
            await assert_a_waiter_has_it(server, database)


async def assert_a_waiter_has_it(server: EmbeddedPostgres, database: Database) -> None:
    """Hold a row, say nothing, and see that whoever waits for it has it."""
    async with database.transaction() as tx:
        await tx.execute("create table held (id integer primary key)")
        await tx.execute("insert into held values (1)")

    is_held = asyncio.Event()

    async def wait_for_it() -> None:
        """Change what the other one holds."""
        await is_held.wait()
        async with Database.open(server.dsn(), name="waiting") as other, other.transaction() as tx:
            await tx.execute("update held set id = 2")

    async def stand_still(waiting: asyncio.Task[None]) -> None:
        """Hold a row, and say nothing until somebody else has had it."""
        async with database.transaction() as tx:
            await tx.execute("select from held for update")
            is_held.set()
            await waiting

    waiting = asyncio.create_task(wait_for_it())
    with pytest.raises(DatabaseUnavailable):
        await stand_still(waiting)
    assert waiting.exception() is None
    async with database.transaction() as tx:
        assert await (await tx.execute("select id from held")).fetchone() == (2,)
