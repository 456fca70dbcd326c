"""A key that many use at once is looked up once for all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from cashback.kernel.config import Secret
from cashback.kernel.db import Database, Tx
from cashback.kernel.principal import Scope
from cashback.purchases import ApiKeys
from tests.integration.ledger.world import World

PEPPER = Secret("a pepper of a test")


class SlowDatabase:
    """A database whose transactions end when they may, and are counted."""

    def __init__(self, database: Database) -> None:
        """Stand in front of `database`; nothing is held up yet."""
        self._database = database
        self.begun, self.committed = 0, 0
        self._commits = asyncio.Condition()
        self.may_end = asyncio.Event()
        self.may_end.set()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a transaction that has read what it reads, and takes its time."""
        self.begun += 1
        async with self._database.transaction() as tx:
            yield tx
        async with self._commits:
            self.committed += 1
            self._commits.notify_all()
        await self.may_end.wait()

    async def have_committed(self, count: int) -> None:
        """Return when so many transactions have, whether they may end or not."""
        async with asyncio.timeout(10), self._commits:
            await self._commits.wait_for(lambda: self.committed >= count)


@pytest.fixture
def database(world: World) -> SlowDatabase:
    """Give the database of one process."""
    return SlowDatabase(world.api)


@pytest.fixture
def keys(world: World, database: SlowDatabase) -> ApiKeys:
    """Give the keys of that process."""
    return ApiKeys(cast("Database", database), clock=world.clock, pepper=PEPPER)


async def test_a_hundred_requests_at_once_look_a_key_up_once(keys: ApiKeys, database: SlowDatabase) -> None:
    """Each time that it is no longer remembered, which is when all of them find that at once."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    for _ in range(2):
        keys.forget()
        before = database.begun
        found = await asyncio.gather(*[keys.authenticate(secret.value) for _ in range(100)])
        assert None not in found
        assert database.begun == before + 1


async def test_a_revocation_outlasts_what_was_asked_before(keys: ApiKeys, database: SlowDatabase) -> None:
    """It is told to who asked then; whoever comes afterwards has it looked up again, and finds it revoked."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    before = database.begun
    database.may_end.clear()
    early = asyncio.create_task(keys.authenticate(secret.value))
    await database.have_committed(before + 1)
    revoking = asyncio.create_task(keys.revoke(key.id))
    await database.have_committed(before + 2)
    database.may_end.set()
    await asyncio.gather(early, revoking)
    assert await keys.authenticate(secret.value) is None


async def test_a_look_up_of_before_is_not_joined(keys: ApiKeys, database: SlowDatabase) -> None:
    """Since it may tell what was so before whatever it is that everything is forgotten for; nor is it remembered."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    before = database.begun
    database.may_end.clear()
    early = asyncio.create_task(keys.authenticate(secret.value))
    await database.have_committed(before + 1)
    keys.forget()
    database.may_end.set()
    assert await early is not None
    assert await keys.authenticate(secret.value) is not None
    assert database.begun == before + 2


async def test_who_goes_away_takes_the_answer_from_nobody(keys: ApiKeys, database: SlowDatabase) -> None:
    """Though it was the first to ask."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    before = database.begun
    database.may_end.clear()
    first, second = (asyncio.create_task(keys.authenticate(secret.value)) for _ in range(2))
    await database.have_committed(before + 1)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    database.may_end.set()
    assert await second is not None
    assert database.begun == before + 1
