"""Holding accounts: all are locked, or none is until all are there."""

import psycopg

from cashback.ledger.model import Account, AccountKind
from cashback.ledger.service.posting import hold
from cashback.ledger.store import books
from tests.integration.ledger.world import World

FIRST = Account("usr_first", AccountKind.APPROVED, "USD")
SECOND = Account("usr_second", AccountKind.APPROVED, "USD")


async def free(world: World) -> list[str]:
    """Return the owners whose accounts nobody holds."""
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as connection:
        cursor = await connection.execute(
            "select owner from ledger.accounts where owner like 'usr_%' for update skip locked"
        )
        return sorted(row[0] for row in await cursor.fetchall())


async def test_nothing_is_locked_while_an_account_is_missing(world: World) -> None:
    """Whoever held one and then waited for the opener of another could wait for ever."""
    async with world.worker.transaction() as tx:
        await books.open_accounts(tx, [FIRST])
    async with world.worker.transaction() as tx:
        assert await books.lock(tx, [FIRST, SECOND]) is None
        assert await free(world) == ["usr_first"]


async def test_what_is_held_is_locked_by_its_number_and_was_opened_where_it_was_missing(world: World) -> None:
    """Each account gets its own number and balance, in whichever order they were asked for."""
    async with world.worker.transaction() as tx:
        await books.open_accounts(tx, [SECOND])
        await books.open_accounts(tx, [FIRST])
    await world.rows("update ledger.accounts set balance = 7 where owner = 'usr_second'")
    third = Account("usr_third", AccountKind.APPROVED, "USD")
    async with world.worker.transaction() as tx:
        held = await hold(tx, [FIRST, SECOND, third])
        assert await free(world) == []
    numbers = dict(await world.rows("select owner, id from ledger.accounts where owner like 'usr_%%'"))
    assert held == {
        FIRST: (numbers["usr_first"], 0),
        SECOND: (numbers["usr_second"], 7),
        third: (numbers["usr_third"], 0),
    }
