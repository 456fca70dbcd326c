"""When keys were used is noted in memory and written down by and by: forward alone, and whatever the database does."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, cast

import psycopg
import pytest
import structlog

from cashback.kernel.clock import monotonic_s
from cashback.kernel.config import Secret
from cashback.kernel.db import Database, DatabaseUnavailable, Tx
from cashback.kernel.ids import new_secret
from cashback.kernel.principal import Scope
from cashback.purchases import ApiKeys
from cashback.purchases.rules import key_text
from cashback.purchases.service import key_uses
from cashback.purchases.service.key_uses import KeyUses
from tests.integration.ledger.world import START, World
from tests.support.facts import eventually

PEPPER = Secret("a pepper of a test")


class Counted:
    """A database that counts transactions, and does not answer as long as it is told not to."""

    def __init__(self, database: Database) -> None:
        """Stand in front of `database`, which answers so far."""
        self._database = database
        self.begun = 0
        self.is_down = False
        self.hangs = False

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Yield a transaction, unless there is none to be had."""
        self.begun += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if self.is_down:
            raise DatabaseUnavailable("planted")
        async with self._database.transaction() as tx:
            yield tx


@pytest.fixture
def database(world: World) -> Counted:
    """Give the database of one process."""
    return Counted(world.api)


@pytest.fixture
def keys(world: World, database: Counted) -> ApiKeys:
    """Give the keys of that process."""
    return ApiKeys(cast("Database", database), clock=world.clock, pepper=PEPPER)


async def used_at(world: World, key_id: str) -> datetime | None:
    """Return when a key was used, as far as that is written down."""
    at: datetime | None = await world.one("select last_used_at from purchases.api_keys where id = %s", key_id)
    return at


async def told(lines: Sequence[Mapping[str, Any]], event: str) -> None:
    """Return as soon as a log has a line."""

    async def has_it() -> bool | None:
        """Tell whether it was logged."""
        return any(line["event"] == event for line in lines) or None

    await eventually(has_it, within_s=10, what=event)


async def test_letting_somebody_in_writes_nothing_and_is_written_down_at_once_for_all(
    world: World, keys: ApiKeys, database: Counted
) -> None:
    """By one transaction, however many keys were used how often; by none, where nobody used any."""
    made = [await keys.create(scope=Scope.OPERATOR, label="ops") for _ in range(3)]
    unused, _ = await keys.create(scope=Scope.OPERATOR, label="spare")
    for _, secret in made * 3:
        assert await keys.authenticate(secret.value) is not None
    guessed = key_text(unused.id, kind="operator", secret=new_secret())
    assert await keys.authenticate(guessed) is None
    assert [await used_at(world, key.id) for key, _ in made] == [None] * 3
    before = database.begun
    for _ in range(2):
        await keys.uses.write()
    assert database.begun == before + 1
    for key, _ in made:
        at = await used_at(world, key.id)
        assert at is not None
        assert timedelta(0) <= START - at < timedelta(minutes=1)
    assert await used_at(world, unused.id) is None
    listed = {key.id: key.last_used_at for key in await keys.list_keys()}
    assert listed == {**{key.id: await used_at(world, key.id) for key, _ in made}, unused.id: None}


async def test_an_instant_moves_forward_alone_whichever_process_writes_last(world: World, keys: ApiKeys) -> None:
    """One that was late with what it had noted takes nothing back; what was used again meanwhile is not forgotten."""
    key, _ = await keys.create(scope=Scope.OPERATOR, label="ops")
    here, there = [KeyUses(world.api, clock=world.clock) for _ in range(2)]
    now_s = monotonic_s()
    here.note(key.id, now_s - 100)
    there.note(key.id, now_s - 10)
    await there.write()
    latest = await used_at(world, key.id)
    assert latest is not None
    assert timedelta(seconds=10) <= START - latest < timedelta(seconds=100)
    await here.write()
    assert await used_at(world, key.id) == latest
    world.clock.advance(timedelta(minutes=1))
    here.note(key.id, monotonic_s())
    await here.write()
    assert (await used_at(world, key.id) or START) > latest


async def test_processes_that_write_at_once_do_not_stop_each_other(world: World) -> None:
    """Each has noted the same of many keys in an order of its own, in which they are found: no two meet in a circle."""
    ids = [f"key_{number:026}" for number in range(5_000)]
    await world.rows(
        "insert into purchases.api_keys (id, secret_hmac, scope, label, created_at)"
        " select id, sha256(id::bytea), 'operator', 'ops', now() from unnest(%s::text[]) as id",
        ids,
    )
    await world.rows("analyze purchases.api_keys")
    processes = [KeyUses(world.api, clock=world.clock) for _ in range(4)]
    for _ in range(3):
        for number, process in enumerate(processes):
            for key_id in ids[:1_000] if number % 2 else ids[999::-1]:
                process.note(key_id, monotonic_s())
        await asyncio.gather(*[process.write() for process in processes])
    assert await world.one("select count(last_used_at) from purchases.api_keys") == 1_000


async def test_what_could_not_be_written_is_written_later(world: World, keys: ApiKeys, database: Counted) -> None:
    """A log says so, those who are remembered are let in meanwhile, and a statement that breaks ends no loop."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    await keys.authenticate(secret.value)
    keys.uses = KeyUses(cast("Database", database), clock=world.clock, every_s=0.01)
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as lines:
        database.is_down = True
        loop = asyncio.create_task(keys.uses.run(stop))
        assert await keys.authenticate(secret.value) is not None
        await told(lines, "key_uses.postponed")
        await world.rows("alter table purchases.api_keys rename column last_used_at to planted")
        database.is_down = False
        await told(lines, "key_uses.not_written")
        assert await keys.authenticate(secret.value) is not None
        await world.rows("alter table purchases.api_keys rename column planted to last_used_at")
        await eventually(lambda: used_at(world, key.id), within_s=10, what="the use is written")
    stop.set()
    await loop
    assert {line["keys"] for line in lines if line["event"].startswith("key_uses.")} == {1}


async def test_what_was_noted_last_is_written_at_the_end(world: World, keys: ApiKeys) -> None:
    """Without waiting for the minute to be over."""
    key, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    await keys.authenticate(secret.value)
    await keys.uses.end()
    assert await used_at(world, key.id) is not None


@pytest.mark.parametrize("fault", ["is_down", "hangs"])
async def test_what_the_database_does_not_take_at_the_end_is_lost_within_a_bound(
    keys: ApiKeys, database: Counted, fault: str
) -> None:
    """Whether it refuses or does not answer; a log says how many keys it is."""
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    await keys.authenticate(secret.value)
    setattr(database, fault, True)
    with structlog.testing.capture_logs() as lines:
        await asyncio.wait_for(keys.uses.end(), timeout=10)
    assert [(line["event"], line["keys"]) for line in lines] == [("key_uses.lost", 1)]


async def test_an_end_that_is_cut_off_says_what_is_lost(
    keys: ApiKeys, database: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where requests took all of the process's grace, nobody waits for us to the end."""
    monkeypatch.setattr(key_uses, "LAST_WITHIN_S", 60.0)
    _, secret = await keys.create(scope=Scope.OPERATOR, label="ops")
    await keys.authenticate(secret.value)
    database.hangs, before = True, database.begun
    with structlog.testing.capture_logs() as lines:
        ending = asyncio.create_task(keys.uses.end())

        async def has_begun() -> bool | None:
            """Tell whether the database was asked."""
            return database.begun > before or None

        await eventually(has_begun, within_s=10, what="the end asks the database")
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
    assert [(line["event"], line["keys"]) for line in lines] == [("key_uses.lost", 1)]


async def test_so_many_keys_are_noted_and_no_more(world: World, keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the others a log says how often they were used; they are noted when they are used again."""
    monkeypatch.setattr(key_uses, "KEYS_MAX", 2)
    made = [(await keys.create(scope=Scope.OPERATOR, label="ops"))[0].id for _ in range(3)]
    for key_id in made * 2:
        keys.uses.note(key_id, monotonic_s())
    with structlog.testing.capture_logs() as lines:
        await keys.uses.write()
    assert [(line["event"], line["requests"]) for line in lines] == [("key_uses.left_out", 2)]
    assert [await used_at(world, key_id) is None for key_id in made] == [False, False, True]
    keys.uses.note(made[2], monotonic_s())
    await keys.uses.write()
    assert await used_at(world, made[2]) is not None


async def test_no_instant_is_stored_that_there_is_none_of(world: World, keys: ApiKeys) -> None:
    """Nor may any other role write one: `cashback_api` alone does."""
    await keys.create(scope=Scope.OPERATOR, label="ops")
    with pytest.raises(psycopg.errors.CheckViolation, match="key_use_in_range"):
        await world.rows("update purchases.api_keys set last_used_at = 'infinity'")
    for role in ("cashback_auditor", "cashback_ledger", "cashback_relay"):
        async with await psycopg.AsyncConnection.connect(world.dsns.of(role), autocommit=True) as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute("update purchases.api_keys set last_used_at = now()")
