"""Leases over a loop's life: one holder at a time, and a zombie that stores nothing."""

import asyncio

import psycopg
import pytest

from cashback.chain.model import LeaseLost
from cashback.chain.service.tenure import Tenure
from cashback.kernel.db import Database


async def test_a_holder_whose_lease_ran_out_stores_nothing(chain_dsn: str, adapter_dsn: str) -> None:
    """As after a SIGSTOP: the other has taken over, and the fence is inside the transaction."""
    async with Database.open(adapter_dsn, name="a test") as database:
        zombie = Tenure(database, name="lane:1", holder="first")
        successor = Tenure(database, name="lane:1", holder="second")
        assert await zombie.hold()
        assert not await successor.hold()
        with psycopg.connect(chain_dsn) as connection:
            connection.execute("update chain.leases set expires_at = now()")
        assert await successor.hold()
        with pytest.raises(LeaseLost):
            async with database.transaction() as tx:
                await zombie.fence(tx)
        async with database.transaction() as tx:
            await successor.fence(tx)
        assert not await zombie.hold()


async def test_a_released_lease_is_free_at_once(adapter_dsn: str) -> None:
    """An orderly end keeps nobody waiting; the token rises, so that a late write of the first is refused."""
    async with Database.open(adapter_dsn, name="a test") as database:
        first = Tenure(database, name="follower", holder="first")
        second = Tenure(database, name="follower", holder="second")
        assert await first.hold()
        earlier = first.token
        await first.release()
        assert await second.hold()
        assert earlier is not None
        assert second.token == earlier + 1


async def test_work_under_a_lease_that_another_took_is_stopped(chain_dsn: str, adapter_dsn: str) -> None:
    """The renewal beside it notices; what the work would have stored the fence refuses anyway."""
    async with Database.open(adapter_dsn, name="a test") as database:
        sleeper = Tenure(database, name="lane:1", holder="first")
        successor = Tenure(database, name="lane:1", holder="second")
        stopped = asyncio.Event()

        async def work() -> None:
            with psycopg.connect(chain_dsn) as connection:
                connection.execute("update chain.leases set expires_at = now()")
            assert await successor.hold()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        assert await sleeper.hold()
        async with asyncio.timeout(10):
            with pytest.raises(LeaseLost):
                await sleeper.keep(work())
        assert stopped.is_set()
        assert sleeper.token is None
